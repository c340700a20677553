"""The measurements as a DICOM structured report (TID 1500) that a PACS files beside the images: one group a lesion, tied to its segment in the SEG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from liverboard import __version__
from liverboard.clinical.extent import Lesion, LiverExtent
from liverboard.volume.write_dicom import COUINAUD, segment_label, source_heads, uid_from

Coded = tuple[str, str, str]
_LIVER: Coded = ("10200004", "SCT", "Liver")
_METASTASIS: Coded = ("14799000", "SCT", "Neoplasm, Secondary")
_VOLUME: Coded = ("118565006", "SCT", "Volume")
_LONG: Coded = ("103339001", "SCT", "Long Axis")
_SHORT: Coded = ("103340004", "SCT", "Short Axis")
_LONGEST_3D: Coded = ("L0JK", "IBSI", "Maximum 3D Diameter of a Mesh")
_MEAN: Coded = ("373098007", "SCT", "Mean")
_SUM_OF_VOXELS: Coded = ("126030", "DCM", "Sum of segmented voxel method for volume")
_ML: Coded = ("ml", "UCUM", "milliliter")
_MM: Coded = ("mm", "UCUM", "millimeter")
_PERCENT: Coded = ("%", "UCUM", "percent")
_UNITS: dict[str, Coded] = {
    "HU": ("[hnsf'U]", "UCUM", "Hounsfield unit"),
    "Bq/mL": ("Bq/ml", "UCUM", "Becquerels/milliliter"),
}
# No standard code was found for these; the scheme is our own, as DICOM allows (99...).
_BURDEN: Coded = ("tumour-burden", "99LIVERBOARD", "Tumour volume as share of liver volume")
_TUMOUR: Coded = ("tumour-volume", "99LIVERBOARD", "Volume of all liver lesions")
_CAPSULE: Coded = ("capsule-distance", "99LIVERBOARD", "Distance from liver capsule")
_VESSEL: Coded = ("vessel-distance", "99LIVERBOARD", "Distance from nearest vessel")
_DUCT: Coded = ("duct-distance", "99LIVERBOARD", "Distance from nearest bile duct")
_VIABLE: Coded = ("viable-volume", "99LIVERBOARD", "Enhancing (viable) volume")
_ENHANCEMENT: Coded = ("enhancement", "99LIVERBOARD", "Mean minus mean before contrast")


def write_report(path: Path, extent: LiverExtent, segmentation: Path, sources: Sequence[Path] = ()) -> Path:
    """Write the extent as a Comprehensive 3D SR, in the study of the segmentation, and return its path.

    `segmentation`: the DICOM SEG whose segments are labelled with the lesions' ids (and `Liver`). `sources`: the images that it was made on, if any.
    Raises BadInput: the place cannot be written.
    """
    import highdicom as hd

    from liverboard.volume.dicom_files import quiet_pydicom
    from liverboard.volume.write_dicom import save_dicom

    pydicom = quiet_pydicom()
    seg = pydicom.dcmread(segmentation, stop_before_pixels=True)
    del seg.PerFrameFunctionalGroupsSequence  # thousands of frames that the report would copy
    images = source_heads(sources, path.name)
    by_label = {str(item.SegmentLabel): item for item in seg.SegmentSequence}
    groups: list[Any] = []
    if extent.liver_volume_ml is not None and "Liver" in by_label:
        groups.append(_group(seg, by_label["Liver"], "Liver", _LIVER, (_LIVER,), list(_of_liver(extent)), None))
    for lesion in extent.lesions:
        if segment_label(lesion.id) in by_label:
            sites = tuple((COUINAUD[s.segment][0], "SCT", COUINAUD[s.segment][1]) for s in lesion.segments) or (_LIVER,)
            groups.append(
                _group(
                    seg,
                    by_label[segment_label(lesion.id)],
                    lesion.id,
                    _METASTASIS,
                    sites,
                    list(_of_lesion(lesion)),
                    lesion.machine,
                )
            )
    observer = hd.sr.ObserverContext(
        observer_type=_code(("121007", "DCM", "Device")),
        observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
            uid=uid_from("liverboard"),
            name="liverboard",
            manufacturer_name="liverboard",
            model_name=f"liverboard {__version__}",
        ),
    )
    content = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_device_context=observer),
        procedure_reported=_code(("363679005", "SCT", "Imaging procedure")),
        imaging_measurements=groups,
        title=_code(("126000", "DCM", "Imaging Measurement Report")),
    )
    seed = (str(seg.SOPInstanceUID), "report")
    report: Any = hd.sr.Comprehensive3DSR(
        evidence=[seg, *images],
        content=content[0],
        series_instance_uid=uid_from(*seed, "series"),
        series_number=9001,
        sop_instance_uid=uid_from(*seed),
        instance_number=1,
        manufacturer="liverboard",
        is_complete=True,
        is_final=False,
        series_description="Liver lesions, measured",
    )
    return save_dicom(report, path)


def _group(
    seg: Any,
    segment: Any,
    name: str,
    finding: Coded,
    sites: Sequence[Coded],
    measured: Sequence[Any],
    machine: str | None,
) -> Any:
    import highdicom as hd

    series = (
        seg.ReferencedSeriesSequence[0].SeriesInstanceUID
        if "ReferencedSeriesSequence" in seg
        else seg.SeriesInstanceUID
    )
    algorithm = None if machine is None else hd.sr.AlgorithmIdentification(name=machine[:64], version=machine[:64])
    return hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(uid=str(segment.TrackingUID), identifier=name),
        referenced_segment=hd.sr.ReferencedSegment(
            sop_class_uid=seg.SOPClassUID,
            sop_instance_uid=seg.SOPInstanceUID,
            segment_number=int(segment.SegmentNumber),
            source_series=hd.sr.SourceSeriesForSegmentation(str(series)),
        ),
        finding_type=_code(finding),
        algorithm_id=algorithm,
        finding_sites=[hd.sr.FindingSite(anatomic_location=_code(site)) for site in sites],
        measurements=list(measured),
    )


def _of_liver(extent: LiverExtent) -> Iterator[Any]:
    if extent.liver_volume_ml is not None:
        yield _measure(_VOLUME, extent.liver_volume_ml, _ML, method=_SUM_OF_VOXELS)
    if extent.tumour_volume_ml is not None:
        yield _measure(_TUMOUR, extent.tumour_volume_ml, _ML, method=_SUM_OF_VOXELS)
    if extent.burden_percent is not None:
        yield _measure(_BURDEN, extent.burden_percent, _PERCENT)


def _of_lesion(lesion: Lesion) -> Iterator[Any]:
    for name, value, unit, method in (
        (_VOLUME, lesion.volume_ml, _ML, _SUM_OF_VOXELS), (_LONG, lesion.longest_axial_mm, _MM, None), (_SHORT, lesion.short_axial_mm, _MM, None),
        (_LONGEST_3D, lesion.longest_3d_mm, _MM, None), (_CAPSULE, lesion.capsule_distance_mm, _MM, None), (_VESSEL, lesion.vessel_distance_mm, _MM, None),
        (_DUCT, lesion.bile_duct_distance_mm, _MM, None), (_VIABLE, lesion.viable_volume_ml, _ML, None),
    ):  # fmt: skip
        if value is not None:
            yield _measure(name, value, unit, method=method)
    for phase in lesion.phases:
        unit = _UNITS.get(phase.unit or "", ("1", "UCUM", "no units"))
        named: Coded = (f"phase-{phase.phase}"[:16], "99LIVERBOARD", f"{phase.phase} phase"[:64])
        yield _measure(
            ("112031", "DCM", "Attenuation Coefficient") if phase.unit == "HU" else _MEAN,
            phase.mean,
            unit,
            derivation=_MEAN,
            method=named,
        )
        if phase.enhancement is not None:
            yield _measure(_ENHANCEMENT, phase.enhancement, unit, method=named)


def _measure(
    name: Coded, value: float, unit: Coded, *, method: Coded | None = None, derivation: Coded | None = None
) -> Any:
    import highdicom as hd

    # A decimal string holds 16 characters.
    return hd.sr.Measurement(
        name=_code(name),
        value=float(f"{value:.9g}"),
        unit=_code(unit),
        method=None if method is None else _code(method),
        derivation=None if derivation is None else _code(derivation),
    )


def _code(coded: Coded) -> Any:
    from highdicom.sr.coding import CodedConcept

    value, scheme, meaning = coded
    return CodedConcept(value=value, scheme_designator=scheme, meaning=meaning)
