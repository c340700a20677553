"""A study added to a centre's catalogue: read, checked, before and after, triggers, states, and what must never happen."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path

import pytest

from liverboard.errors import BadInput
from liverboard.evidence.catalogue import load_catalogue
from liverboard.evidence.living import new_findings, refuse_errors, study_of_text, with_study
from liverboard.evidence.states import Added, CentreCatalogue, add_study, differ, find_state, open_centre

DAY = dt.date(2026, 11, 24)
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "study-format.md"
STUDY = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)[0]


def add(folder: Path, text: str) -> Added:
    added = add_study(open_centre(folder), text, "study.yaml", date=DAY)
    for name, content in added.contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return added


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Added]:
    folder = tmp_path_factory.mktemp("catalogue")
    return folder, add(folder, STUDY)


def test_the_example_of_the_page_reads() -> None:
    study = study_of_text(STUDY, "study.yaml")
    assert [arm.study_id for arm in study.arms] == ["reader2027-resin", "reader2027-bland"]
    assert [(row.events, row.n) for row in study.outcomes if row.events is not None] == [(33, 60), (20, 50)]
    assert study.contrasts[0].extracted_from == "full text, table 2"


def test_before_and_after_of_the_pool_that_it_enters(added: tuple[Path, Added]) -> None:
    change = next(
        each for each in added[1].difference.changes if each.pool == "technique:sirt_resin/objective_response"
    )
    assert change.before is not None
    assert change.after is not None
    assert (change.before.n, change.after.n) == (74, 134)
    assert "-> " in change.says
    assert "certainty of the rate" in change.says


def test_only_the_cards_of_its_techniques_change(added: tuple[Path, Added]) -> None:
    assert added[1].difference.cards == ("tae", "sirt_resin")
    touched = {each.pool.partition("/")[0] for each in added[1].difference.changes}
    assert touched == {"technique:sirt_resin", "technique:tae", "option:sirt_resin", "option:tae"}


def test_a_first_comparison_is_a_major_update(added: tuple[Path, Added]) -> None:
    assert any(each.letter == "e" and "sirt_resin and tae" in each.says for each in added[1].triggers)
    assert added[1].verdict == "major update"


def test_states_are_dated_hashed_and_numbered(added: tuple[Path, Added]) -> None:
    folder, _ = added
    states = open_centre(folder).states
    assert [state.number for state in states] == [0, 1]
    assert states[1].previous == states[0].hash
    assert all(state.date == DAY for state in states)
    assert open_centre(folder).hash == states[1].hash
    assert json.loads((folder / "states" / states[1].name).read_text())["hash"] == states[1].hash


def test_the_packaged_catalogue_stays_as_it_is(added: tuple[Path, Added]) -> None:
    assert "reader2027-resin" in open_centre(added[0]).catalogue.arms
    assert "reader2027-resin" not in load_catalogue().arms
    assert open_centre(None).hash != open_centre(added[0]).hash


def test_two_states_laid_beside_each_other(added: tuple[Path, Added]) -> None:
    folder, _ = added
    centre = open_centre(folder)
    one, other = (find_state(folder, name, centre.states, centre) for name in ("packaged", "current"))
    found = differ(one, other)
    assert found.cards == ("tae", "sirt_resin")
    assert differ(other, other).changes == ()
    assert find_state(folder, "0", centre.states, centre).hash == centre.states[0].hash
    assert find_state(folder, centre.states[1].hash[:8], centre.states, centre).number == 1
    with pytest.raises(BadInput, match="no state"):
        find_state(folder, "abcdef", centre.states, centre)


def test_a_changed_study_file_is_refused(tmp_path: Path) -> None:
    add(tmp_path, STUDY)
    (file,) = (tmp_path / "studies").iterdir()
    file.write_text(file.read_text().replace("events: 33", "events: 32"))
    with pytest.raises(BadInput, match="changed after it was added"):
        open_centre(tmp_path)


def test_the_same_study_twice_is_refused_and_a_correction_is_not(tmp_path: Path) -> None:
    add(tmp_path, STUDY)
    with pytest.raises(BadInput, match="already has a study"):
        add(tmp_path, STUDY)
    corrected = add(
        tmp_path, STUDY.replace("events: 33, n: 60, value: 55", "events: 30, n: 60, value: 50") + "replaces: true\n"
    )
    assert [each.letter for each in corrected.triggers if each.letter == "f"] == ["f"]
    rows = [row for row in open_centre(tmp_path).catalogue.outcomes if row.study_id == "reader2027-resin"]
    assert [row.events for row in rows if row.events is not None] == [30]


def test_a_retracted_study_leaves_every_pool(tmp_path: Path) -> None:
    text = f"study: peker2015\nextracted_by: [A. Reader]\ndate: {DAY}\nretracted: journal notice\n"
    gone = add(tmp_path, text)
    change = next(each for each in gone.difference.changes if each.pool == "option:sirt_resin/objective_response")
    assert change.before is not None
    assert change.after is not None
    assert (change.before.k, change.after.k) == (2, 1)
    assert gone.verdict == "major update"
    assert any("second reader" in note for note in gone.notes)


def test_what_comes_to_nothing_is_logged() -> None:
    text = (
        "study: note2027\nextracted_by: [A, B]\ndate: 2026-11-24\nbibliography: {extracted_from: abstract}\n"
        "arms: [{name: a, technique: hai, n_patients: 12, outcomes: [{outcome: nausea, value: 40, n_basis: not_stated}]}]\n"
    )
    added = add_study(CentreCatalogue(load_catalogue(), ()), text, "s", date=DAY)
    assert (added.verdict, added.difference.cards) == ("logged", ())


def test_harm_across_the_threshold_is_a_signal() -> None:
    arms = "".join(
        f"  - {{name: a{i}, technique: tae, n_patients: 100, outcomes: [{{outcome: major_complication, events: {30 + i}, n: 100}}]}}\n"
        for i in range(6)
    )
    text = f"study: harm2027\nextracted_by: [A, B]\ndate: 2026-11-24\nbibliography: {{extracted_from: table 3}}\narms:\n{arms}"
    added = add_study(CentreCatalogue(load_catalogue(), ()), text, "s", date=DAY)
    letters = {each.letter: each.says for each in added.triggers}
    assert "tae, major complication" in letters["a"]
    said = study_of_text(text + "harm_signal: two deaths from liver failure\n", "s")
    assert said.file.harm_signal


@pytest.mark.parametrize(
    ("old", "new", "says", "line"),
    [
        ("study: reader2027", "study: Reader 2027", "match pattern", 1),
        ("date: 2026-11-24", "date: soon", "date", 3),
        ("technique: sirt_resin\n", "technique: sirt\n", "not a technique", 13),
        ("outcome: objective_response, criteria: RECIST1.1, events: 33", "outcome: response, criteria: RECIST1.1, events: 33", "not an outcome", 16),
        ("events: 33", "events: -3", "greater than or equal to 0", 16),
        ("events: 33", "event: 33", "no column here", 16),
        ("n_patients: 60", "n_patients: many", "integer", 14),
        ("  extracted_from: full text, table 2  # the page that each figure is from; an outcome may name its own\n", "", "extracted_from", None),
        ("name: bland", "name: resin", "given twice", None),
        ("- {arm_a: sirt_resin, arm_b: tae,", "- {arm_a: sirt_resin,", "arm_b", None),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_line(old: str, new: str, says: str, line: int | None) -> None:
    assert old in STUDY
    with pytest.raises(BadInput) as caught:
        study_of_text(STUDY.replace(old, new), "study.yaml")
    problems = caught.value.problems
    assert any(says in str(problem) for problem in problems), [str(problem) for problem in problems]
    if line is not None:
        assert line in {problem.line for problem in problems}


@pytest.mark.parametrize(
    "text",
    ["", "a", "[1, 2]", "study: {a", "study: a1\narms: 3\n", "study: a1\nextracted_by: [x]\ndate: 2026-01-01\narms: [{outcomes: 4}]", "1: 2\n", "\t",
     "study: a1\nextracted_by: [x]\ndate: 2026-01-01\narms: [{1: 2, name: a, technique: tae, outcomes: [5, {3: 4}]}]"],
)  # fmt: skip
def test_no_text_crashes_it(text: str) -> None:
    with pytest.raises(BadInput):
        study_of_text(text, "study.yaml")


def test_contradictions_are_refused_unless_accepted_with_a_reason() -> None:
    wrong = STUDY.replace("events: 33, n: 60, value: 55", "events: 33, n: 60, value: 65")
    before = load_catalogue()
    study = study_of_text(wrong, "study.yaml")
    found = new_findings(before, with_study(before, study))
    with pytest.raises(BadInput, match="contradict each other") as caught:
        refuse_errors(found, study, "study.yaml")
    assert "33 of 60 is 55.0 %, the page prints 65 %" in str(caught.value)
    knowing = study_of_text(wrong + "accepted: {counts_against_percentage: misprint in table 2}\n", "study.yaml")
    refuse_errors(found, knowing, "study.yaml")


def test_a_paper_that_is_in_the_catalogue_under_another_name_is_refused() -> None:
    before = load_catalogue()
    study = study_of_text(STUDY.replace("10.1000/reader", "10.1007/S12020-013-0130-9"), "study.yaml")
    with pytest.raises(BadInput) as caught:
        refuse_errors(new_findings(before, with_study(before, study)), study, "study.yaml")
    assert "the same doi" in str(caught.value)


def test_a_centre_s_judgements_count_and_change_the_state(tmp_path: Path) -> None:
    plain = open_centre(tmp_path)
    example = re.findall(r"```yaml\n(judgements:.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)[0]
    (tmp_path / "judgements.yaml").write_text(example, encoding="utf-8")
    judged = open_centre(tmp_path)
    assert judged.hash != plain.hash
    from liverboard.evidence.pools import ask, pool_of

    pool = pool_of(judged.catalogue, ask("sirt_resin", "objective_response", judged.catalogue), judged.judgements)
    domain = pool.certainty.rate.domains[0]
    assert (domain.state, domain.change, domain.rater) == ("judged", -1, "C. Reader")
    (tmp_path / "judgements.yaml").write_text("judgements: [{technique: tae}]", encoding="utf-8")
    with pytest.raises(BadInput, match="judgements cannot be read"):
        open_centre(tmp_path)
