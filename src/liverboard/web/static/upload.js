// Sending a study with its progress, a way to stop, and files that are dropped on the form. Without it the form is sent as any other.
(function () {
  "use strict";
  var form = document.getElementById("upload");
  if (!form || !window.FormData) return;
  function part(name) { return document.getElementById("upload-" + name); }
  var files = document.getElementById("files"), request = null;
  function say(text) { part("problem").textContent = text; part("problem").hidden = !text; }
  function busy(on) {
    part("progress").hidden = part("stop").hidden = !on;
    form.querySelector("button.main").disabled = on;
    if (!on) part("after").hidden = true;
  }
  form.addEventListener("submit", function (e) {
    e.preventDefault();
    say("");
    request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "text/html");
    request.setRequestHeader("X-CSRF-Token", form.elements.csrf.value);
    request.upload.addEventListener("progress", function (p) {
      if (!p.lengthComputable) return;
      var percent = Math.floor(100 * p.loaded / p.total);
      part("bar").value = percent;
      part("percent").textContent = percent + " %";
      if (percent === 100) part("after").hidden = false;
    });
    request.addEventListener("load", function () {
      if (request.status === 200 && request.responseURL) { location.assign(request.responseURL); return; }
      busy(false);
      say(form.dataset.failed || String(request.status));
      var told = new DOMParser().parseFromString(request.responseText, "text/html").querySelector("main [role=alert]");
      if (told) part("problem").replaceChildren.apply(part("problem"), Array.from(told.childNodes));  // our page of the error, in the reader's language
    });
    request.addEventListener("error", function () { busy(false); say(String(request.status || "–")); });
    request.addEventListener("abort", function () { busy(false); });
    busy(true);
    request.send(new FormData(form));
  });
  part("stop").addEventListener("click", function () { if (request) request.abort(); });
  form.addEventListener("dragover", function (e) { e.preventDefault(); form.classList.add("over"); });
  form.addEventListener("dragleave", function () { form.classList.remove("over"); });
  form.addEventListener("drop", function (e) {
    e.preventDefault();
    form.classList.remove("over");
    if (e.dataTransfer && e.dataTransfer.files.length) files.files = e.dataTransfer.files;
  });
})();
