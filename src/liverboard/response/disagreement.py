"""Where criteria disagree, and why: size, necrosis, density, thresholds, a treated target, or what was not measured."""

from __future__ import annotations

from collections.abc import Mapping

from liverboard.clinical.response import Criterion, Judgement
from liverboard.response.thresholds import sum_rule

NAMES: Mapping[Criterion, str] = {
    "recist11": "RECIST 1.1", "mrecist": "mRECIST", "easl": "EASL", "who": "WHO", "choi": "Choi", "mchoi": "modified Choi", "volumetric": "volume",
    "viable_volume": "enhancing volume",
}  # fmt: skip
_BY: Mapping[Criterion, str] = {
    "recist11": "size", "who": "size", "volumetric": "size", "mrecist": "necrosis", "easl": "necrosis", "viable_volume": "necrosis", "choi": "density",
    "mchoi": "density",
}  # fmt: skip
_WHAT = {
    "size": "the diameters of the whole lesion",
    "necrosis": "the part that enhances",
    "density": "size and density together",
}


def disagreements(judgements: Mapping[Criterion, Judgement]) -> tuple[str, ...]:
    """One sentence for each criterion whose category differs from that of RECIST 1.1, with the reason. Judgements of one day."""
    reference = judgements.get("recist11")
    if reference is None:
        return ()
    return tuple(
        _sentence(reference, other)
        for name, other in judgements.items()
        if name != "recist11" and other.category != reference.category
    )


def _sentence(reference: Judgement, other: Judgement) -> str:
    name = NAMES[other.criterion]
    head = f"RECIST 1.1 says {_said(reference)}, {name} {_said(other)}"
    if other.category == "NE":
        return f"{head}: {_first(other)}"
    if reference.category == "NE":
        return f"{head}: RECIST 1.1 cannot be judged: {_first(reference)}"
    if reference.targets != other.targets:
        left = [each for each in other.targets if each not in reference.targets]
        return f"{head}: the targets differ: {', '.join(left) or 'some'} had local treatment before the baseline, so RECIST 1.1 does not measure it"
    if _BY[other.criterion] == "size":
        rule = {"who": "the product of two diameters", "volumetric": "the volume"}[other.criterion]
        return f"{head}: both measure the whole lesion; {rule} has other thresholds than the sum of diameters"
    return f"{head}: RECIST 1.1 measures {_WHAT['size']}, {name} {_WHAT[_BY[other.criterion]]}"


def _said(judgement: Judgement) -> str:
    percent = judgement.change_percent
    changed = "" if percent is None else f" ({sum_rule(judgement.criterion).percent(percent)})"
    return f"{judgement.category}{changed}"


def _first(judgement: Judgement) -> str:
    return judgement.basis[0] if judgement.basis else "no reason is given"
