"""Facts of the tumour that are derived: WHO grade, resection of the primary, receptor scores."""

from __future__ import annotations

from liverboard.clinical.derive import Fact, Sheet, combine, join
from liverboard.clinical.events import Diagnosis, Imaging, SstrUptake
from liverboard.clinical.grade import RANK, Grade, who_grade

_INDICES = ("ki67_percent", "mitoses_per_2mm2")


def write_tumour(sheet: Sheet) -> None:
    _grade(sheet)
    _primary_resected(sheet)
    _receptors(sheet)


def _grade(sheet: Sheet) -> None:
    morphology, ki67, mitoses = (sheet.known(name) for name in ("differentiation", *_INDICES))
    graded = who_grade(_text(morphology), _number(ki67), _number(mitoses), _site(sheet))
    decides = (morphology,) if graded.value in {"NEC", "MiNEN"} else (morphology, ki67, mitoses)
    used = [fact for fact in decides if fact is not None]
    if not used:
        return
    doubts = [name for name in _INDICES if name in sheet.facts and sheet.facts[name].questioned]
    if graded.value is None or (doubts and len(decides) > 1):
        sheet.put("who_grade", None, note=join(sheet.lacking(doubts), None if doubts else graded.trace))
        return
    date, event, apart = combine(used)
    specimens = "Ki-67 and mitoses come from different events" if len({fact.event for fact in used[1:]}) > 1 else None
    sheet.put(
        "who_grade",
        graded.value,
        date,
        event,
        note=join(graded.trace, specimens, apart, _higher_before(sheet, graded.value)),
    )


def _higher_before(sheet: Sheet, now: Grade) -> str | None:
    """A word on a specimen of higher grade: the liver of today may hold either."""
    best: tuple[int, str] | None = None
    morphology = _text(sheet.known("differentiation"))
    for diagnosis in sheet.diagnoses:
        ki67, mitoses = (
            _credible(sheet, diagnosis, name, value)
            for name, value in zip(_INDICES, (diagnosis.ki67, diagnosis.mitoses_per_2mm2), strict=True)
        )
        own = who_grade(diagnosis.differentiation or morphology, ki67, mitoses, _site(sheet)).value
        if own is not None and RANK[own] > RANK[now] and (best is None or RANK[own] > best[0]):
            best = (RANK[own], f"the specimen of {diagnosis.date} ({diagnosis.id}) was {own}")
    return best[1] if best else None


def _credible(sheet: Sheet, diagnosis: Diagnosis, name: str, value: float | None) -> float | None:
    return (
        None if value is None or (diagnosis.confirmed is not True and sheet.definitions[name].doubt(value)) else value
    )


def _primary_resected(sheet: Sheet) -> None:
    site = _site(sheet)
    unsure: str | None = None
    for procedure in reversed(sheet.procedures):
        whipple = procedure.technique == "pancreatoduodenectomy"
        if procedure.technique == "primary_resection" or (whipple and site in {"pancreas", "duodenum"}):
            sheet.put("primary_resected", True, procedure.date, procedure.id)
            return
        if whipple and site in {None, "unknown", "other"}:
            unsure = f"pancreatoduodenectomy of {procedure.date}, but the primary site is not known"
    if unsure or sheet.history is None:
        sheet.put("primary_resected", None, note=unsure)
    else:
        sheet.put("primary_resected", False, sheet.history.date, sheet.history.id, note="history stated complete")


def _receptors(sheet: Sheet) -> None:
    scale = sheet.facts.get("sstr_scale")
    if scale is None:
        return

    def on_scale(image: Imaging) -> SstrUptake | None:
        return image.sstr if image.sstr is not None and image.sstr.scale == scale.value else None

    sheet.put_stated(
        "sstr_lowest", sheet.imagings, lambda image: uptake.lowest if (uptake := on_scale(image)) else None
    )
    sheet.put_stated(
        "sstr_highest", sheet.imagings, lambda image: uptake.highest if (uptake := on_scale(image)) else None
    )


def _site(sheet: Sheet) -> str | None:
    return _text(sheet.known("primary_site"))


def _text(fact: Fact | None) -> str | None:
    return None if fact is None else str(fact.value)


def _number(fact: Fact | None) -> float | None:
    return None if fact is None else float(fact.value)  # pyright: ignore[reportArgumentType]
