// Meeting mode: keys that lead to a place of the page, and a draft that nobody loses by leaving the page.
(function () {
  "use strict";
  var form = document.getElementById("form"), open = 0;
  function typing(target) { return /^(TEXTAREA|SELECT)$/.test(target.tagName) || (target.tagName === "INPUT" && !/^(checkbox|radio)$/.test(target.type)); }
  document.addEventListener("keydown", function (e) {
    var keys = document.getElementById("keys");
    if (e.ctrlKey || e.metaKey || e.altKey || (keys && keys.open)) return;
    if (e.key === "Escape") { document.activeElement.blur(); return; }
    if (typing(e.target) || !/^[a-z]$/.test(e.key)) return;
    var to = document.querySelector('[data-key="' + e.key + '"]');
    if (!to) return;
    e.preventDefault();
    if (e.key !== "m") { to.click(); return; }
    document.getElementById("minutes").scrollIntoView();
    (document.querySelector("#minutes input[name=considered]") || document.getElementById("minutes")).focus({ preventScroll: true });
  });
  document.addEventListener("images-read", function () {
    if (!open && !typing(document.activeElement)) location.replace(location.href.split("#")[0]);
  });
  if (!form) return;
  form.addEventListener("input", function () { open += 1; });
  form.addEventListener("submit", function () { open = 0; });
  document.addEventListener("htmx:beforeSwap", function (e) {
    if (e.detail.xhr.getResponseHeader("x-part") === "kept") { e.detail.shouldSwap = true; e.detail.isError = false; }
  });
  document.addEventListener("htmx:beforeRequest", function (e) { if (e.detail.elt === form) form.asked = open; });
  document.addEventListener("htmx:afterRequest", function (e) {
    if (e.detail.elt !== form) return;
    if (e.detail.xhr.status === 200) { if (open === form.asked) open = 0; }
    else if (e.detail.xhr.getResponseHeader("x-part") !== "kept") {
      var kept = document.getElementById("kept"), old = kept.querySelector(".notice"), told = document.createElement("p");
      if (old) old.remove();
      told.className = "notice wrong";
      told.textContent = form.dataset.failed;
      kept.append(told);
    }
  });
  addEventListener("beforeunload", function (e) { if (open) e.preventDefault(); });
})();
