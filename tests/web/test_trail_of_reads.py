"""Whoever asks the trail of a case finds everyone who read words of it, on whichever page."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.registry_samples import CHAIR, MANAGER
from tests.web_samples import KEY, Visitor

from liverboard.registry.meetings import Action, Minutes, plan_meeting, schedule, sign_off, write_minutes
from liverboard.registry.trail import read_trail
from liverboard.report.view_files import View
from liverboard.web.measure_study import RESULT, Result
from liverboard.web.measuring import VIEW_FOLDER
from liverboard.web.site import Site

STUDY = "study-0123456789ab"
PAGES = (
    "/agenda?state=discussed",
    "/agenda/follow-up",
    "/meetings/{meeting}",
    "/meetings/{meeting}/minutes",
    "/meetings/{meeting}/minutes.pdf",
    "/meetings/{meeting}/cases/NELM-1",
    "/cases/lyon/NELM-1",
    "/cases/lyon/NELM-1/facts",
    "/cases/lyon/NELM-1/events",
    "/cases/lyon/NELM-1/what-if",
    "/cases/lyon/NELM-1/studies",
    f"/cases/lyon/NELM-1/view/{STUDY}/lesion.png",
)


@pytest.fixture
def meeting(site: Site) -> int:
    with site.store.transaction(CHAIR) as tx:
        number = plan_meeting(tx, "lyon", tx.at.date(), "Board")
        schedule(tx, number, KEY)
        write_minutes(tx, number, KEY, Minutes(("tae",), "tae", "fits", "none better", actions=(Action("CT"),)), 0)
        sign_off(tx, number, KEY, 1)
    return number


@pytest.fixture
def picture(site: Site) -> None:
    folder: Path = site.store.folder.studies / "lyon" / KEY.case / STUDY / VIEW_FOLDER
    folder.mkdir(parents=True)
    (folder / "lesion.png").write_bytes(b"a picture")
    result = Result(event={}, view=View(overview="lesion.png"))
    (folder / RESULT).write_text(result.model_dump_json(), encoding="utf-8")


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.usefixtures("picture")
def test_every_read_of_a_case_is_found_under_its_pseudonym(
    site: Site, viewer: Visitor, meeting: int, path: str
) -> None:
    last = read_trail(site.store, MANAGER, limit=1)[0][0]
    response = viewer.get(path.format(meeting=meeting))
    assert response.status_code == 200, response.text[:300]
    found = read_trail(site.store, MANAGER, case=KEY.case)
    assert [entry.actor for number, entry in found if number > last and entry.action.endswith(".read")]


def test_a_pseudonym_that_begins_alike_is_another_case(site: Site, meeting: int, viewer: Visitor) -> None:
    viewer.get(f"/meetings/{meeting}")
    assert read_trail(site.store, MANAGER, case="NELM-") == ()
    assert read_trail(site.store, MANAGER, case="%") == ()
