// The viewer: slices with lesions and liver over them, their surfaces, and the way from the list of lesions to each. Still pictures stay where this cannot run.
(function () {
  "use strict";
  var stage = document.getElementById("stage"), says = document.getElementById("viewer-says");
  if (!stage || !window.niivue || !document.createElement("canvas").getContext("webgl2")) return;
  var files = stage.dataset.files, image = document.getElementById("image"), Niivue = window.niivue.Niivue;
  var amber = { R: [0, 255], G: [0, 176], B: [0, 32], A: [0, 255], I: [0, 255] };
  var blue = { R: [0, 90], G: [0, 170], B: [0, 255], A: [0, 255], I: [0, 255] };
  stage.hidden = false;
  document.getElementById("no-viewer").hidden = true;

  function failed(error) {
    stage.hidden = true;
    document.getElementById("no-viewer").hidden = false;
    if (window.console) console.warn("viewer: " + (error && error.message));
  }
  function shown(id) { var box = document.getElementById(id); return !box || box.checked; }
  function overlay(file, colours, opacity) {
    return { url: files + file, name: file, colormap: colours, cal_min: 0.5, cal_max: 1, opacity: opacity };
  }

  var slices = new Niivue({
    backColor: [0.06, 0.08, 0.09, 1], crosshairColor: [0.6, 0.8, 1, 0.8], crosshairWidth: 0.5, show3Dcrosshair: false, isColorbar: false,
    multiplanarShowRender: 0, isRadiologicalConvention: true, sagittalNoseLeft: true, dragMode: 1, loadingText: "", logLevel: "silent",
    isNearestInterpolation: false, fontMinPx: 13
  });
  var maps = [];
  function volumes() {
    var list = [];
    if (image) {
      var chosen = image.options[image.selectedIndex];
      list.push({ url: files + chosen.value, name: chosen.value, colormap: "gray", cal_min: +chosen.dataset.low, cal_max: +chosen.dataset.high, opacity: 1 });
    }
    maps = [];
    if (stage.dataset.liverMap) { maps.push("show-liver"); list.push(overlay(stage.dataset.liverMap, "liver", shown("show-liver") ? 0.15 : 0)); }
    if (stage.dataset.lesionMap) { maps.push("show-lesions"); list.push(overlay(stage.dataset.lesionMap, "lesion", shown("show-lesions") ? 0.55 : 0)); }
    return list;
  }
  function load() {
    says.hidden = false;
    return slices.loadVolumes(volumes()).then(function () { says.hidden = true; stage.dataset.ready = "yes"; });
  }
  function opacity() {
    maps.forEach(function (box, n) {
      slices.setOpacity(n + (image ? 1 : 0), shown(box) ? (box === "show-liver" ? 0.15 : 0.55) : 0);
    });
    if (surfaces) surfaces.meshes.forEach(function (mesh) {
      surfaces.setMeshProperty(mesh.id, "opacity", mesh.name === "liver.stl" ? (shown("show-liver") ? 0.3 : 0) : (shown("show-lesions") ? 1 : 0));
    });
  }
  var surfaces = null;
  function draw() {
    var canvas = document.getElementById("surfaces");
    if (!canvas) return Promise.resolve();
    surfaces = new Niivue({ backColor: [0.06, 0.08, 0.09, 1], show3Dcrosshair: false, isOrientCube: true, loadingText: "", logLevel: "silent" });
    var meshes = [];
    if (stage.dataset.lesionSurface) meshes.push({ url: files + stage.dataset.lesionSurface, name: "lesions.stl", rgba255: [240, 176, 32, 255], opacity: 1 });
    if (stage.dataset.liverSurface) meshes.push({ url: files + stage.dataset.liverSurface, name: "liver.stl", rgba255: [176, 108, 92, 255], opacity: 0.3 });
    return surfaces.attachToCanvas(canvas).then(function () {
      surfaces.setSliceType(surfaces.sliceTypeRender);
      surfaces.setRenderAzimuthElevation(180, 10);
      return surfaces.loadMeshes(meshes);
    }).then(opacity);
  }

  slices.addColormap("lesion", amber);
  slices.addColormap("liver", blue);
  slices.attachToCanvas(document.getElementById("slices")).then(function () {
    slices.setSliceType(slices.sliceTypeMultiplanar);
    return load();
  }).then(draw).catch(failed);

  if (image) image.addEventListener("change", function () { load().catch(failed); });
  ["show-lesions", "show-liver"].forEach(function (id) {
    var box = document.getElementById(id);
    if (box) box.addEventListener("change", opacity);
  });
  Array.prototype.forEach.call(document.querySelectorAll("a.jump"), function (link) {
    link.addEventListener("click", function (e) {
      if (stage.hidden || stage.dataset.ready !== "yes") return;
      e.preventDefault();
      var at = link.dataset.at.split(" ").map(Number);
      slices.scene.crosshairPos = slices.mm2frac(at);
      slices.createOnLocationChange();
      slices.drawScene();
      stage.dataset.at = link.textContent;
      stage.scrollIntoView({ block: "start" });
    });
  });
})();
