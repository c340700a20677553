"""A pool of the catalogue as a forest plot, with its title. Too few studies: the studies, and no pooled mark unless its banner is asked for."""

from __future__ import annotations

from liverboard.evidence.expected import OutcomeEvidence
from liverboard.evidence.words import counted, of_hundred
from liverboard.report.forest import Forest, ForestGroup, ForestPool, ForestStudy


def pool_forest(each: OutcomeEvidence, *, banner: bool = False) -> Forest:
    """`banner`: a pool that is no headline is drawn under the banner that says why; without it, it is not drawn, and words say why."""
    drawn = each.headline or banner
    studies = tuple(
        ForestStudy(
            arm.short, None, f"{arm.events}/{arm.n}", arm.estimate, _whole(arm.ci), arm.weight if drawn else None
        )
        for arm in each.studies
    )
    pool = ForestPool(
        label=("Pooled" if each.headline else "Pooled, not a headline") if drawn else "All",
        k=each.study_count,
        estimate=each.estimate if drawn else None,
        ci=_whole(each.ci) if each.ci and drawn else None,
        prediction=_whole(each.prediction_interval) if each.prediction_interval and drawn else None,
        counts=f"{each.events}/{each.n}",
        note=each.banner
        if drawn
        else f"{each.banner[0].upper()}{each.banner[1:]}: {counted(each.study_count, 'study')}, {counted(each.n, 'patient')}."
        if each.banner
        else "",
    )
    model = f"{'Exact random-intercept model' if each.method == 'glmm' else 'Exact interval of the pooled counts'}; 95 % interval by {each.ci_method}"
    spread = f"; tau2 {each.tau2:.2f}, I2 {each.i2:.0f} %" if each.tau2 is not None and each.i2 is not None else ""
    weighed = (f"{model}{spread}; evidence {each.evidence_hash[:12]}",) if drawn else ()
    return Forest(
        measure=f"{each.name}: {each.label}",
        kind="percent",
        counts_head="Events/n",
        groups=(ForestGroup("", studies),),
        pool=pool if each.k > 1 else None,
        footnotes=(*((each.wording,) if banner else ()), *weighed),
    )


def pool_title(each: OutcomeEvidence) -> str:
    """The finding in one line: a rate only where there are studies enough."""
    head = f"{each.name[0].upper()}{each.name[1:]}, {each.label}"
    if each.headline and each.estimate is not None:
        return f"{head}: about {of_hundred(each.estimate)}"
    few = "one study only" if each.study_count == 1 else f"{each.study_count} studies, too few to say a rate"
    return f"{head}: {each.events} of {each.n} in {few}" if each.k == 1 else f"{head}: {few}"


def _whole(ci: tuple[float | None, float | None]) -> tuple[float, float] | None:
    if ci[0] is None or ci[1] is None:
        return None
    return round(ci[0], 4), round(ci[1], 4)  # to the hundredth of a percent: a bound of 4e-10 is 0 to a reader
