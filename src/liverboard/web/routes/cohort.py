"""The cases of a centre together: who they are, how complete, how procedures were done, how long people lived; small counts are hidden."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from liverboard.board.cohort_summary import ALL, GROUPS, MOST_CURVES, Cohort, Wanted, summarise, values_of
from liverboard.clinical.dictionary import load_dictionary
from liverboard.clinical.extent import Frozen
from liverboard.registry.cases import list_cases, numbered
from liverboard.report.palette import WEB
from liverboard.report.survival_plot import Survival, survival_svg, survival_table, time_words
from liverboard.report.survival_views import curve_of
from liverboard.synthesis.disclosure import least_total
from liverboard.synthesis.kaplan_meier import SurvivalCurve
from liverboard.web.gate import Here, Person, who_may
from liverboard.web.pages import drawn, language_of, page, translations
from liverboard.web.tongue import say, word

router = APIRouter(tags=["cohort"])
_WIDE, _NARROW = 960, 358


class Asked(BaseModel):
    """`group`: what sorts people. Every other name is one that they may be sorted by: what they must have there; `unknown` for those without."""

    group: str = Field(default="treatment", max_length=40)
    treatment: str = Field(default="", max_length=64)
    chosen: str = Field(default="", max_length=64)
    primary_site: str = Field(default="", max_length=64)
    who_grade: str = Field(default="", max_length=64)
    pattern: str = Field(default="", max_length=64)
    extrahepatic: str = Field(default="", max_length=64)
    sex: str = Field(default="", max_length=64)
    year: str = Field(default="", max_length=64)


class CohortPage(Frozen):
    """`where`: what the cases were asked to have. `cohort`: None as long as cases are read for it; `waiting`: how many still are."""

    where: Mapping[str, str]
    cohort: Cohort | None
    waiting: int


@router.get("/cohort", responses={200: {"model": CohortPage}})
def cohort(
    request: Request,
    site: Here,
    who: Annotated[Person, who_may("see_cases")],
    asked: Annotated[Asked, Query()],
) -> Response:
    """Counts, completeness, procedures and survival of the cases that have what is asked for, small counts hidden."""
    group = asked.group if asked.group in GROUPS else "treatment"
    where = {name: value for name in GROUPS if (value := getattr(asked, name))}
    lines, day = list_cases(site.store, who), site.today()
    rows = site.cohort.rows(site.store, lines, day)
    site.store.note(who, "cohort.read", centre=who.centre, detail={"cases": len(lines), "group": group, **numbered(line.number for line in lines)})  # fmt: skip
    if isinstance(rows, int):
        again = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        content = CohortPage(where=where, cohort=None, waiting=rows)
        return page(request, "cohort.html", content=content, total=len(lines), again=again)
    state = ("cohort", day, hash(tuple((line.key, line.version) for line in lines)))
    key = (*state, group, tuple(where.items()))
    found, curves = site.pages.get(key, lambda: summarise(rows, Wanted(group, where)))
    language = language_of(request)
    return page(
        request,
        "cohort.html",
        content=CohortPage(where=where, cohort=found, waiting=0),
        total=len(lines),
        groups=GROUPS,
        labels={name: each.label for name, each in load_dictionary().items()},
        values=site.pages.get((*state, "values"), lambda: {name: values_of(rows, name) for name in GROUPS}),
        months=time_words,
        percent=percent_words,
        picture=site.pages.get((*key, language), lambda: _picture(curves, found, language)),
    )


def percent_words(percent: float) -> str:
    """Whole percent; what is not all is never 100, and what is not nothing never 0."""
    if 99.5 <= percent < 100:
        return ">99"
    return "<1" if 0 < percent < 0.5 else f"{percent:.0f}"


def _picture(curves: Mapping[str, SurvivalCurve], found: Cohort, language: str) -> dict[str, object] | None:
    """The curves drawn for wide and for narrow pages, with their table."""
    if not curves:
        return None
    _ = translations(language).gettext
    notes = ["Each curve ends where fewer than five people are followed."]
    if found.logrank_p is not None:
        p = found.logrank_p
        shown = "< 0.001" if p < 0.001 else f"= {p:.3f}"
        notes.append(f"Log-rank test of the groups drawn: p {shown}; not adjusted for anything.")
    if len(curves) < sum(isinstance(group.n, int) for group in found.groups):
        notes.append(
            f"No curve: groups of fewer than {least_total(found.min_cell)}, or with fewer than {found.min_cell} deaths, and all but the {MOST_CURVES} largest."
        )
    plot = Survival(
        "Overall survival from the first liver-directed treatment",
        "months",
        tuple(
            curve_of(_("all who fit") if name == ALL else word(language, name), curve, found.min_cell)
            for name, curve in curves.items()
        ),
        footnotes=tuple(notes),
    )
    said = functools.partial(say, language)
    rows = [tuple(said(cell) for cell in row) for row in survival_table(plot)[1]]
    head = (_("Group"), _("Months"), _("Survival in percent"), _("95 percent interval"), _("At risk"))
    return {
        "finding": "; ".join(
            _("%(group)s: median %(months)s months") % {"group": c.label, "months": time_words(c.median)}
            if c.median is not None
            else _("%(group)s: median not reached before the curve ends") % {"group": c.label}
            for c in plot.curves
        ),
        "wide": drawn(survival_svg(plot, WEB, width=_WIDE, prefix="wide", say=said)),
        "narrow": drawn(survival_svg(plot, WEB, width=_NARROW, prefix="narrow", say=said)),
        "head": head,
        "rows": rows,
    }
