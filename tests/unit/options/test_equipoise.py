"""Options count as open together when two of one list are open or, with `beside`, one of each."""

from __future__ import annotations

import datetime as dt

from liverboard.board.load import open_case
from liverboard.clinical.case_file import read_case
from liverboard.clinical.facts import facts_of
from liverboard.options.policy import packaged
from liverboard.options.report import OptionsReport
from liverboard.options.weigh import weigh

PANCREATIC = """
liverboard: 1
case: C
events:
  - {kind: diagnosis, date: 2024-01-01, primary_site: pancreas, differentiation: well, ki67: 8 %}
  - kind: imaging
    date: 2024-05-01
    modality: CT
    portal_vein: patent
    extrahepatic: {extent: none}
    progression: {hepatic: true}
  - {kind: clinic, date: 2024-05-02, ecog: 0, syndrome: none, bulk_symptoms: BULK, cirrhosis: false, resectable: false}
"""


def report(bulk: str, portal: str = "patent") -> OptionsReport:
    case = read_case(PANCREATIC.replace("BULK", bulk).replace("portal_vein: patent", f"portal_vein: {portal}"))
    return weigh(facts_of(case, dt.date(2024, 5, 10)), (), packaged())


def test_artery_and_systemic_treatment_open_together_are_told() -> None:
    told = {note.id: note.options for note in report("true").equipoise}
    assert {"tae", "ctace"} <= set(told["X-01"])
    assert {"tae", "everolimus"} <= set(told["ED-17"])


def test_systemic_options_alone_are_not_said_to_stand_beside_the_artery() -> None:
    found = report("true", portal="main")
    verdicts = {option.option: option.verdict for option in found.options}
    assert verdicts["everolimus"] == "fits" and verdicts["tae"] == "excluded"
    assert "ED-17" not in {note.id for note in found.equipoise}


def test_the_typed_in_sample_has_nothing_open_through_the_artery() -> None:
    case = open_case(None, sample="typed-in").case
    found = weigh(facts_of(case, dt.date(2024, 6, 20)), (), packaged())
    assert found.equipoise == ()
