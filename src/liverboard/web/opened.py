"""A case as a page opens it: who may see it, at which version or past moment, on which day, and where its other pages are."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import Depends, Query

from liverboard.clinical.facts import facts_of
from liverboard.errors import BadInput, NotPermitted
from liverboard.registry.cases import CaseKey, StoredCase, case_as_known
from liverboard.registry.frozen import decision_is_frozen, may_not_change
from liverboard.registry.words_before import NamedPlace, places_that_name
from liverboard.report.words import SEX, anchor, fact_words
from liverboard.web.gate import Here, Who
from liverboard.web.prepared import day_of
from liverboard.web.site import Site

_PLACES = (
    ("event-", "events"),
    ("option-", "options"),
    ("deviations", "options"),
    ("forest-", "evidence"),
    ("claim-", "evidence"),
    ("source-", "sources"),
    ("options", "options"),
    ("evidence", "evidence"),
    ("sirt", "plan"),
    ("procedures", "plan"),
    ("response", "response"),
    ("overdue", "response"),
    ("lesions", "lesions"),
    ("facts", "facts"),
    ("history", "events"),
    ("checks", ""),
)
_LINK = re.compile(r'href="#([^"]+)"')
_ID = re.compile(r'\bid="([^"]+)"')


@dataclass(frozen=True, slots=True)
class OpenedCase:
    """`known_at` None: as it is now. `may_edit`: whether who looks may change it, which nobody may at a past moment. `frozen`: events that they may not change even so.
    `named`: where text from before a study says what the study calls the patient; nothing of a past moment."""

    stored: StoredCase
    day: dt.date
    known_at: dt.datetime | None
    may_edit: bool
    frozen: frozenset[str] = frozenset()
    named: tuple[NamedPlace, ...] = ()

    def require_change(self, event_id: str = "") -> None:
        """Raises NotPermitted at a past moment, and when who looks may not correct, withdraw or undo the event."""
        if self.known_at is not None:
            raise NotPermitted("a past moment cannot be changed", hint="Open the case as it is now.")
        if event_id in self.frozen:
            raise decision_is_frozen()

    @property
    def path(self) -> str:
        return case_path(self.stored.key)

    @property
    def asked(self) -> str:
        """What every link between the pages of a past moment carries on."""
        return "" if self.known_at is None else "?" + urlencode({"known_at": self.known_at.isoformat()})

    @property
    def who(self) -> tuple[str, ...]:
        case = self.stored.case
        facts = facts_of(case, self.day)
        sex = "" if case.sex is None else SEX.get(case.sex, case.sex)
        ecog = facts.facts["ecog"].value
        return tuple(
            part
            for part in (
                sex,
                "" if case.birth_year is None else f"{self.day.year - case.birth_year} years",
                "" if ecog is None else f"ECOG {fact_words(ecog)}",
            )
            if part
        )

    @property
    def to_correct(self) -> tuple[NamedPlace, ...]:
        return tuple(place for place in self.named if not place.replaced)

    @property
    def hidden(self) -> frozenset[str]:
        """Events that no longer count and name the patient: what they say is not shown."""
        return frozenset(place.event for place in self.named if place.replaced and place.event)

    def way_to(self, place: NamedPlace) -> str:
        """The page on which the place is put right."""
        if place.event is not None:
            return f"{self.path}/events#{anchor(place.event)}"
        if place.meeting is not None:
            return f"/meetings/{place.meeting}/cases/{quote(self.stored.key.case, safe='')}#minutes"
        return f"{self.path}/header"

    def viewer_of(self, event: str) -> str:
        """Where the viewer of an event is. Its id may hold any letter, a slash too, and so is no part of the path."""
        return f"{self.path}/viewer?{urlencode({'event': event})}{self.asked.replace('?', '&', 1)}"

    def linked(self, html: str) -> str:
        """Sections of a dossier whose links to other sections lead to the pages of the case where those stand."""
        here, path, asked = set(_ID.findall(html)), self.path, self.asked

        def lead(link: re.Match[str]) -> str:
            name = link[1]
            if name in here:
                return link[0]
            tab = next((tab for start, tab in _PLACES if name.startswith(start)), "")
            return f'href="{path}{"/" + tab if tab else ""}{asked}#{name}"'

        return _LINK.sub(lead, html)


def case_path(key: CaseKey) -> str:
    return f"/cases/{quote(key.centre, safe='')}/{quote(key.case, safe='')}"


def open_case(
    site: Here,
    who: Who,
    centre: str,
    case: str,
    known_at: Annotated[dt.datetime | None, Query(description="as the case was known at this moment")] = None,
) -> OpenedCase:
    """The case of a page. Raises NoSuchCase, NotPermitted, NotLoggedIn."""
    if known_at is not None:
        try:
            known_at = (known_at if known_at.tzinfo else known_at.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
        except OverflowError:
            raise BadInput("there is no such moment", hint="Choose one of the past moments of the case.") from None
    stored = case_as_known(site.store, who, CaseKey(centre, case), known_at)
    may_edit = known_at is None and who.may("edit_cases", centre)
    frozen = may_not_change(who, centre, stored.case) if may_edit else frozenset[str]()
    named = places_that_name(site.store, stored) if known_at is None else ()
    return OpenedCase(stored, _day(site, stored, known_at), known_at, may_edit, frozen, named)


def _day(site: Site, stored: StoredCase, known_at: dt.datetime | None) -> dt.date:
    """A past moment is seen with the eyes of its day; samples stand still on theirs."""
    if known_at is None or stored.case.as_of is not None:
        return day_of(site, stored.case)
    return known_at.astimezone().date()


Opened = Annotated[OpenedCase, Depends(open_case)]
