"""An event added to a case file: comments stay, nothing else changes, and what cannot be added leaves the file as it was."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liverboard.board.append import append_event
from liverboard.clinical.case_append import event_yaml, with_event
from liverboard.clinical.case_file import read_case
from liverboard.errors import BadInput

SCOUT: dict[str, Any] = {"kind": "scout", "date": dt.date(2024, 6, 10), "lung_shunt_fraction": "6 %"}
HEAD = "liverboard: 1\ncase: NELM-0001 # a pseudonym\n"
LISTS = {
    "indented": "events:\n  # the clinic\n  - kind: clinic\n    date: 2024-05-02\n    ecog: 1  # by phone\n    # said so twice\n# the end\nsex: female\n",
    "flush": "events:\n- {kind: clinic, date: 2024-05-02}\n- kind: clinic\n  date: 2024-05-03\n  weight: 68 kg",
    "first": "events:\n  - kind: clinic\n    date: 2024-05-02\n\n\n# about the person\nsex: male\n",
    "folded": "events:\n  - kind: clinic\n    date: 2024-05-02\n    note: |\n      two\n      lines\n\nsex: male\n",
    "empty": "events: []\nsex: male\n",
    "none": "sex: male # no events yet",
}


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_all_lines_stay_and_the_event_is_the_last(name: str, newline: str) -> None:
    text = (HEAD + LISTS[name]).replace("\n", newline)
    changed = with_event(text, SCOUT)
    before, after = read_case(text), read_case(changed)
    assert after.events[:-1] == before.events
    assert (after.events[-1].kind, after.events[-1].date) == ("scout", dt.date(2024, 6, 10))
    kept = [line for line in text.splitlines() if not line.startswith("events:")]
    assert [line for line in changed.splitlines() if line in kept] == kept
    assert changed.count("\n") == changed.count(newline)
    if name not in {"flush", "none"}:
        assert changed.index("kind: scout") < changed.index("sex:")


def test_a_comment_of_the_last_event_stays_with_it() -> None:
    changed = with_event(HEAD + LISTS["indented"], SCOUT)
    assert changed.index("said so twice") < changed.index("kind: scout") < changed.index("# the end")


@given(st.integers(1, 4), st.integers(0, 3), st.sampled_from(["", "# x\n", "\n", "sex: male\n"]))
def test_events_add_up(count: int, indent: int, tail: str) -> None:
    text = HEAD + "events:\n" + f"{' ' * indent}- kind: clinic\n{' ' * indent}  date: 2024-05-02\n" + tail
    for _ in range(count):
        text = with_event(text, SCOUT)
    assert [event.kind for event in read_case(text).events] == ["clinic"] + ["scout"] * count


def test_json_is_continued_too() -> None:
    changed = with_event('{"liverboard": 1, "case": "NELM-0001", "events": []}', SCOUT, is_json=True)
    assert read_case(changed, is_json=True).events[0].kind == "scout"


@pytest.mark.parametrize(
    ("text", "event"),
    [
        (HEAD + "events: [{kind: clinic, date: 2024-05-02}]\n", SCOUT),
        (HEAD + LISTS["first"], SCOUT | {"lung_shunt_fraction": "140 %"}),
        (HEAD + LISTS["first"], SCOUT | {"lung_shunt": "1 %"}),
        (HEAD + "birth_year: 2030\nevents:\n", SCOUT),
        ("no case", SCOUT),
    ],
)
def test_what_cannot_be_added_is_said_and_the_file_stays(text: str, event: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "case.yaml"
    file.write_text(text)
    with pytest.raises(BadInput):
        append_event(file, event)
    assert file.read_text() == text
    assert [each.name for each in tmp_path.iterdir()] == ["case.yaml"]


def test_a_file_is_replaced_whole_with_its_rights(tmp_path: Path) -> None:
    file = tmp_path / "case.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + (HEAD + LISTS["indented"]).encode())
    file.chmod(0o640)
    assert append_event(tmp_path, SCOUT) == file
    assert file.read_bytes().startswith(b"\xef\xbb\xbfliverboard")
    assert file.stat().st_mode & 0o777 == 0o640
    assert "kind: scout" in file.read_text(encoding="utf-8-sig")


def test_the_event_is_ready_to_paste() -> None:
    assert event_yaml(SCOUT) == "- kind: scout\n  date: 2024-06-10\n  lung_shunt_fraction: 6 %\n"
