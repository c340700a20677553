// Keys, theme and what a page can do better with JavaScript; every page works without it.
(function () {
  "use strict";
  var root = document.documentElement, keys = document.getElementById("keys"), waiting = "";
  function dark() {
    return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }
  function toggle() {
    root.dataset.theme = dark() ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch (e) { /* it holds for this page */ }
  }
  document.addEventListener("htmx:configRequest", function (e) {  // a page that waits asks by itself: no person is there because of that
    if (!e.detail.triggeringEvent) e.detail.headers["X-By-Itself"] = "true";
  });
  var button = document.getElementById("theme");
  if (button) { button.hidden = false; button.addEventListener("click", toggle); }
  function typing(target) {
    return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
  }
  function follow(selector) {
    var link = document.querySelector(selector);
    if (link) link.click();
    return !!link;
  }
  document.addEventListener("keydown", function (e) {
    if (e.ctrlKey || e.metaKey || e.altKey || typing(e.target) || (keys && keys.open)) return;
    if (waiting === "g") {
      waiting = "";
      var go = { a: "/agenda", c: "/cases", h: "/help" }[e.key];
      if (go) location.href = go;
      return;
    }
    if (e.key === "?" && keys && keys.showModal) keys.showModal();
    else if (e.key === "d") toggle();
    else if (e.key === "g") waiting = "g";
    else if (e.key === "ArrowRight") follow("a[rel=next]");
    else if (e.key === "ArrowLeft") follow("a[rel=prev]");
  });
})();
