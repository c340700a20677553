(function () {
  var root = document.documentElement, dialog = document.getElementById("keys");
  function dark() {
    return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }
  function toggle() {
    root.dataset.theme = dark() ? "light" : "dark";
    root.style.colorScheme = root.dataset.theme;
  }
  var button = document.getElementById("theme");
  button.hidden = false;
  button.addEventListener("click", toggle);
  document.getElementById("close").addEventListener("click", function () { dialog.close(); });
  document.addEventListener("keydown", function (e) {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.key === "?" && dialog.showModal && !dialog.open) dialog.showModal();
    if (e.key === "d") toggle();
    var go = e.key >= "1" && e.key <= "9" && document.querySelectorAll("nav a[href^='#']")[e.key - 1];
    if (go) document.querySelector(go.hash).scrollIntoView();
  });
  addEventListener("beforeprint", function () {
    document.querySelectorAll("details:not(#options details)").forEach(function (d) { d.open = true; });
  });
})();
