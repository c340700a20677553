"""Facts of the disease in the liver that are derived: lesions, volumes, pattern, recurrence. From the latest imaging that lists the lesions."""

from __future__ import annotations

from collections.abc import Sequence

from liverboard.clinical.derive import Sheet, combine, join
from liverboard.clinical.events import Imaging, Procedure, StatedLesion
from liverboard.clinical.pattern import Place, hemiliver_of, pattern_of, pattern_parameters

_PART = "the reader calls the lesions too many to count"
_LOCAL_CURE = frozenset({"liver_resection", "rfa", "mwa", "cryo"})


def write_liver(sheet: Sheet) -> None:
    imagings = sheet.imagings
    listed = sheet.latest("lesions", imagings, lambda image: image.lesions)
    if listed is not None:
        _lesions(sheet, *listed)
    _volumes(sheet, imagings)
    extent = sheet.known("extrahepatic")
    if extent is not None:
        sheet.put("liver_dominant", extent.value != "extensive", extent.date, extent.event)
    _progression(sheet)
    _recurrent(sheet, imagings)


def _lesions(sheet: Sheet, image: Imaging, lesions: tuple[StatedLesion, ...]) -> None:
    date, event, confirmed, count = image.date, image.id, image.confirmed is True, len(lesions)
    whole = image.too_many_to_count is not True
    if whole:
        sheet.put("lesion_count", count, date, event, confirmed=confirmed)
    else:
        sheet.put("lesion_count", None, note=f"more than the {count} listed: {_PART}")
    lengths = [lesion.longest for lesion in lesions if lesion.longest is not None]
    if lengths:
        note = f"{count - len(lengths)} of {count} lesions have no length" if len(lengths) < count else None
        sheet.put("largest_lesion_mm", max(lengths), date, event, confirmed=confirmed, note=note)
    vascular = [lesion.hypervascular for lesion in lesions]
    if True in vascular or (whole and vascular and None not in vascular):
        sheet.put("hypervascular", True in vascular, date, event)
    _pattern(sheet, image, lesions)
    _segments(sheet, image, lesions)


def _place(lesion: StatedLesion) -> Place | None:
    """Segments without shares hold equal parts of the lesion: nothing better is known."""
    if not lesion.segments:
        return None
    shares = (
        [s / 100 for s in lesion.segment_shares]
        if lesion.segment_shares
        else [1 / len(lesion.segments)] * len(lesion.segments)
    )
    return Place(dict(zip(lesion.segments, shares, strict=True)), lesion.volume, lesion.longest)


def _involved(lesion: StatedLesion) -> list[int]:
    """The segments that hold enough of the lesion to count; all of them where shares are not known."""
    least = 100 * pattern_parameters()["segment_share"].value
    shares = lesion.segment_shares or [100.0] * len(lesion.segments or ())
    return [n for n, share in zip(lesion.segments or (), shares, strict=True) if share >= least]


def _pattern(sheet: Sheet, image: Imaging, lesions: tuple[StatedLesion, ...]) -> None:
    """The pattern that the event states (a reader's word, or measured with the segments of this patient), else the classifier's."""
    if image.too_many_to_count:
        sheet.put("pattern", image.pattern, image.date, image.id, note=None if image.pattern else _PART)
        return
    found = pattern_of([_place(lesion) for lesion in lesions])
    doubt = f"not certain, it hangs on: {'; '.join(found.sensitive_to)}" if found.value and not found.certain else ""
    note = "; ".join(part for part in (*found.trace, doubt) if part)
    if image.pattern is not None and image.pattern != found.value:
        note = f"as the event states it; from the segments alone: {found.value or 'not told'} ({note})"
    sheet.put("pattern", image.pattern or found.value, image.date, image.id, note=note)


def _segments(sheet: Sheet, image: Imaging, lesions: tuple[StatedLesion, ...]) -> None:
    involved = sorted({segment for lesion in lesions for segment in _involved(lesion)})
    named = f"segments {', '.join(map(str, involved))}" if involved else None
    lacking = sum(not lesion.segments for lesion in lesions)
    side = hemiliver_of(involved)
    if lacking or image.too_many_to_count:
        gap = _PART if image.too_many_to_count else f"{lacking} of {len(lesions)} lesions without segment"
        why = join(gap, named)
        sheet.put("segments_involved", None, note=why)
        sheet.put("hemilivers", "both" if side == "both" else None, image.date, image.id, note=why)
        return
    sheet.put("segments_involved", len(involved), image.date, image.id, note=named)
    if involved:
        alone = "segment 1 alone, which belongs to neither hemiliver" if side is None else named
        sheet.put("hemilivers", side, image.date, image.id, note=alone)


def tumour_volume(image: Imaging) -> float | None:
    """The stated volume of all lesions, else their sum when every lesion is listed and has a volume."""
    if image.tumour_volume is not None or image.lesions is None or image.too_many_to_count:
        return image.tumour_volume
    volumes = [lesion.volume for lesion in image.lesions]
    return sum(volume for volume in volumes if volume is not None) if None not in volumes else None


def _volumes(sheet: Sheet, imagings: Sequence[Imaging]) -> None:
    sheet.put_stated("tumour_volume_ml", imagings, tumour_volume)
    both = sheet.latest("liver_burden_percent", imagings, _burden)
    if both is None:
        return
    image, burden = both
    doubts = [
        f"{sheet.definitions[name].label} questioned"
        for name, value in (("tumour_volume_ml", tumour_volume(image)), ("liver_volume_ml", image.liver_volume))
        if value is not None and sheet.definitions[name].doubt(value) is not None
    ]
    if doubts and image.confirmed is not True:
        sheet.put("liver_burden_percent", None, note="; ".join(doubts))
    else:
        sheet.put("liver_burden_percent", burden, image.date, image.id, confirmed=image.confirmed is True)


def _burden(image: Imaging) -> float | None:
    tumour = tumour_volume(image)
    return None if tumour is None or not image.liver_volume else 100 * tumour / image.liver_volume


def _progression(sheet: Sheet) -> None:
    known = [fact for name in ("hepatic_progression", "extrahepatic_progression") if (fact := sheet.known(name))]
    growing = [fact for fact in known if fact.value]
    if growing:
        date, event, _ = combine(growing[-1:])
        sheet.put(
            "progression", True, date, event, note=join(*(sheet.definitions[fact.name].label for fact in growing))
        )
    elif len(known) == 2:
        date, event, apart = combine(known)
        sheet.put("progression", False, date, event, note=apart)


def _recurrent(sheet: Sheet, imagings: Sequence[Imaging]) -> None:
    treatments = [procedure for procedure in sheet.procedures if procedure.technique in _LOCAL_CURE]
    if not treatments:
        if sheet.history is not None:
            sheet.put(
                "recurrent",
                False,
                sheet.history.date,
                sheet.history.id,
                note="no liver resection or ablation; history stated complete",
            )
        return
    listed = [image for image in imagings if image.lesions is not None]
    found = [_after(treatment, listed) for treatment in treatments]
    for value in (True, None, False):
        chosen = next(((image, note) for told, image, note in reversed(found) if told is value), None)
        if chosen is not None:
            image, note = chosen
            sheet.put("recurrent", value, image.date if image else None, image.id if image else None, note=note)
            return


def _after(treatment: Procedure, listed: Sequence[Imaging]) -> tuple[bool | None, Imaging | None, str]:
    """Whether new lesions came after one treatment, the imaging that tells, and why."""
    what = f"{treatment.technique} of {treatment.date}"
    later = [image for image in listed if image.date > treatment.date]
    if not later:
        return None, None, f"no imaging with lesions listed after {what}"
    if _untreated(later[0]):
        return (
            None,
            None,
            f"the first imaging after {what} does not show a liver free of untreated lesions, so new ones cannot be told from old ones",
        )
    known = {lesion.id for image in listed if image.date <= later[0].date for lesion in image.lesions or ()}
    for image in later[1:]:
        fresh = [lesion.id for lesion in _untreated(image) if lesion.id not in known]
        if fresh:
            return True, image, f"free of untreated lesions after {what}, then new: {', '.join(fresh)}"
        known.update(lesion.id for lesion in image.lesions or ())
    if any(_untreated(image) for image in later):
        return None, None, f"after {what} lesions with known ids are listed again"
    return False, later[-1], f"no untreated lesion since {what}"


def _untreated(image: Imaging) -> list[StatedLesion]:
    return [lesion for lesion in image.lesions or () if lesion.treated is not True]
