"""Best overall response of a course, with or without confirmation (RECIST 1.1, table 3, read in recist11_tables), and the times to response and to progression.

A response is confirmed by another at least four weeks later; days in between that could not be judged do not undo it. Disease after a complete response is
progression on that day: the footnote of the table leaves open that the complete response was a partial one, which the basis says.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from liverboard.clinical.response import BestResponse, Category, Judgement
from liverboard.errors import MissingData
from liverboard.response.thresholds import best_rules

_RESPONSES = frozenset({"CR", "PR"})
_HOLDS = frozenset({"CR", "PR", "SD", "non-CR/non-PD"})


@dataclass(frozen=True, slots=True)
class Dated:
    """A category on a day; `since`: the day from which a progression counts."""

    date: dt.date
    category: Category
    since: dt.date


def best_overall(
    judged: Sequence[tuple[dt.date, Category]], start: dt.date, *, confirm: bool, stable_after_days: int | None = None
) -> Category:
    """The best overall response of dated categories in order of date. `confirm`: responses need confirmation. `stable_after_days`: from `start`; None: as usual."""
    days = _until_progression([Dated(date, category, date) for date, category in judged])
    return _best(
        days, start, confirm, best_rules().stable_after_days if stable_after_days is None else stable_after_days
    )


def best_response(judgements: Sequence[Judgement], start: dt.date) -> BestResponse:
    """The best response of a course and its times. Raises MissingData: no judgement."""
    if not judgements:
        raise MissingData("no day to judge", hint="Give a baseline and at least one follow-up.")
    days = _until_progression([Dated(each.date, each.category, each.since or each.date) for each in judgements])
    stable = best_rules().stable_after_days
    confirmed, plain = _best(days, start, True, stable), _best(days, start, False, stable)
    responses = [each.date for each in days if each.category in _RESPONSES]
    progression = next((each.since for each in days if each.category == "PD"), None)
    judged = [each.date for each in days if each.category != "NE"]
    return BestResponse(
        criterion=judgements[-1].criterion,
        scope=judgements[-1].scope,
        category=confirmed,
        without_confirmation=plain,
        confirmed=None if not responses else confirmed in _RESPONSES,
        response_days=(responses[0] - start).days if responses else None,
        progression_days=None if progression is None else (progression - start).days,
        followed_days=(judged[-1] - start).days if judged else None,
        basis=tuple(_says(days, confirmed, plain)),
    )


def _until_progression(days: Sequence[Dated]) -> list[Dated]:
    """The days up to the first progression; disease after a complete response is progression."""
    kept: list[Dated] = []
    complete = False
    for each in days:
        category: Category = "PD" if complete and each.category in {"PR", "SD", "non-CR/non-PD"} else each.category
        kept.append(Dated(each.date, category, each.since))
        if category == "PD":
            break
        complete = complete or category == "CR"
    return kept


def _best(days: Sequence[Dated], start: dt.date, confirm: bool, stable_after_days: int) -> Category:
    for wanted in (frozenset({"CR"}), _RESPONSES):
        met = [number for number, each in enumerate(days) if each.category in wanted]
        if met and (not confirm or any(_confirmed(days, number, wanted) for number in met)):
            return "CR" if wanted == frozenset({"CR"}) else "PR"
    held = [each for each in days if each.category in _HOLDS and (each.date - start).days >= stable_after_days]
    if held:
        return "non-CR/non-PD" if all(each.category == "non-CR/non-PD" for each in held) else "SD"
    return "PD" if any(each.category == "PD" for each in days) else "NE"


def _confirmed(days: Sequence[Dated], number: int, wanted: frozenset[str]) -> bool:
    """Whether a response of the kind is met again late enough, with nothing between but such responses and days that could not be judged."""
    for each in days[number + 1 :]:
        if each.category in wanted:
            if (each.date - days[number].date).days >= best_rules().confirm_after_days:
                return True
        elif each.category != "NE":
            return False
    return False


def _says(days: Sequence[Dated], confirmed: Category, plain: Category) -> list[str]:
    says: list[str] = []
    if confirmed != plain:
        says.append(f"{plain} was seen and is not confirmed at least {best_rules().confirm_after_days} days later")
    categories = [each.category for each in days]
    if "CR" in categories and categories[-1] == "PD":
        says.append("disease was seen again after a complete response; if it had never gone, the best response is PR")
    if confirmed == "NE" and any(each.category in _HOLDS for each in days):
        says.append(
            f"nothing was judged {best_rules().stable_after_days} days or more after the start, so disease cannot count as stable"
        )
    return says
