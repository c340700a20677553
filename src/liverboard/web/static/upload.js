// Sending a study with its progress, a way to stop, and files or whole folders that are dropped on the form. Without it the form is sent as any other.
(function () {
  "use strict";
  var form = document.getElementById("upload");
  if (!form || !window.FormData) return;
  function part(name) { return document.getElementById("upload-" + name); }
  var inputs = [document.getElementById("files"), document.getElementById("folder")], send = form.querySelector("button.main");
  var chosen = [], request = null;  // chosen: the files with their paths, whether by a button or dropped

  function say(text) { part("problem").textContent = text; part("problem").hidden = !text; }
  function told(name, values) {  // a sentence of the page with its numbers
    return form.dataset[name].replace(/\{(\w+)\}/g, function (_, key) { return values[key].toLocaleString(document.documentElement.lang); });
  }
  function bytes() { return chosen.reduce(function (sum, each) { return sum + each.file.size; }, 0); }
  function choose(found, from) {
    chosen = found;
    inputs.forEach(function (input) { if (input !== from) input.value = ""; });
    part("chosen").textContent = told("chosen", { count: found.length, size: Math.ceil(bytes() / 1e5) / 10 });
    part("chosen").hidden = false;
    say(fits() ? "" : form.dataset.large);
  }
  function fits() { return bytes() <= form.dataset.most * 1e6; }
  function busy(on) {
    part("progress").hidden = part("stop").hidden = !on;
    send.disabled = on;
    if (on) sent(0);
  }
  function sent(percent) {
    part("bar").value = percent;
    part("percent").textContent = percent + " %";
    part("after").hidden = percent < 100;
    if (percent === 100) part("stop").hidden = true;  // too late: it is being kept
  }

  form.addEventListener("submit", function (e) {
    e.preventDefault();
    if (!fits()) { say(form.dataset.large); return; }
    say("");
    var all = false, body = new FormData(form);
    body.delete("files");
    chosen.forEach(function (each) { body.append("files", each.file, each.path); });
    request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "text/html");
    request.setRequestHeader("X-CSRF-Token", form.elements.csrf.value);
    request.upload.addEventListener("progress", function (p) {
      if (p.lengthComputable) sent(Math.floor(100 * p.loaded / p.total));
    });
    request.upload.addEventListener("load", function () { all = true; sent(100); });
    request.addEventListener("load", function () {
      if (request.status === 200 && request.responseURL) { location.assign(request.responseURL); return; }
      busy(false);
      say(told("failed", { status: request.status }));
      var ours = new DOMParser().parseFromString(request.responseText, "text/html").querySelector("main [role=alert]");
      if (ours) part("problem").replaceChildren.apply(part("problem"), Array.from(ours.childNodes));  // the page of the error, in the reader's language
    });
    request.addEventListener("error", function () { busy(false); say(all ? form.dataset.lostLate : form.dataset.lost); });
    request.addEventListener("abort", function () { busy(false); say(form.dataset.stopped); });
    busy(true);
    request.send(body);
  });
  part("stop").addEventListener("click", function () { if (request) request.abort(); });

  inputs.forEach(function (input) {
    input.addEventListener("change", function () {
      choose(Array.from(input.files, function (file) { return { file: file, path: file.webkitRelativePath || file.name }; }), input);
    });
  });
  form.addEventListener("dragover", function (e) { e.preventDefault(); form.classList.add("over"); });
  form.addEventListener("dragleave", function () { form.classList.remove("over"); });
  form.addEventListener("drop", function (e) {
    e.preventDefault();
    form.classList.remove("over");
    if (part("progress").hidden === false) return;
    var found = [], dropped = Array.from(e.dataTransfer.files);
    var entries = Array.from(e.dataTransfer.items, function (item) { return item.webkitGetAsEntry && item.webkitGetAsEntry(); }).filter(Boolean);
    if (!entries.length) dropped.forEach(function (file) { found.push({ file: file, path: file.name }); });
    send.disabled = true;
    Promise.all(entries.map(function (entry) { return walk(entry, "", found); }))
      .then(function () { choose(found); }, function () { say(form.dataset.unread); })
      .then(function () { send.disabled = false; });
  });
  function walk(entry, above, found) {  // every file below a dropped file or folder, with its path
    return new Promise(function (done, wrong) {
      var path = above + entry.name;
      if (entry.isFile) { entry.file(function (file) { found.push({ file: file, path: path }); done(); }, wrong); return; }
      var reader = entry.createReader();
      function more() {  // a folder is told in pieces, and an empty piece is its end
        reader.readEntries(function (piece) {
          if (!piece.length) { done(); return; }
          Promise.all(piece.map(function (each) { return walk(each, path + "/", found); })).then(more, wrong);
        }, wrong);
      }
      more();
    });
  }
})();
