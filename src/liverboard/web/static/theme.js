// Before anything is drawn: the theme that the person chose on this machine.
(function () {
  try {
    var chosen = localStorage.getItem("theme");
    if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
  } catch (e) { /* storage is switched off: the system's theme stays */ }
})();
