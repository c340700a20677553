"""Cases in the store: what goes in comes out, nothing is overwritten, the past stays to be seen, centres stay apart."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from sqlalchemy import delete, exc, insert, select, text, update
from tests.registry_samples import (
    ADMINISTRATOR,
    CASE,
    EDITOR,
    LABS,
    MANAGER,
    STRANGER,
    VIEWER,
    HandClock,
)

from liverboard.clinical.facts import facts_of
from liverboard.errors import BadInput, NotPermitted
from liverboard.registry.backup import verify_store
from liverboard.registry.bring import bring
from liverboard.registry.cases import (
    CaseFilter,
    CaseKey,
    Conflict,
    NoSuchCase,
    add_case,
    append_events,
    case_as_known,
    change_header,
    correct,
    count_cases,
    list_cases,
    read_cases,
    set_state,
    undo_withdrawal,
    withdraw,
)
from liverboard.registry.folder import make_folder
from liverboard.registry.hand_out import Extract, export_cases, facts_table
from liverboard.registry.permissions import CONSOLE
from liverboard.registry.schema import APPEND_ONLY, audit, events, metadata
from liverboard.registry.store import Store, add_centre

KEY = CaseKey("lyon", "NELM-1")


@pytest.fixture
def kept(store: Store) -> Store:
    with store.transaction(EDITOR) as tx:
        assert add_case(tx, "lyon", CASE) == 1
    return store


def test_a_case_comes_out_as_it_went_in(kept: Store) -> None:
    found = case_as_known(kept, VIEWER, KEY)
    assert found.case == CASE.model_copy(update={"centre": "lyon"})
    assert (found.version, found.state) == (1, "backlog")
    day = dt.date(2024, 6, 1)
    assert facts_of(found.case, day).as_json() == facts_of(CASE, day).as_json()


def test_an_event_is_stamped_with_who_and_when(kept: Store, clock: HandClock) -> None:
    clock.pass_(days=1)
    with kept.transaction(EDITOR) as tx:
        assert append_events(tx, KEY, [{**LABS, "recorded": "1999-01-01"}], 1) == 2
    last = case_as_known(kept, VIEWER, KEY).entered[-1]
    assert last.author == "ed"
    assert last.event.recorded == last.at
    assert last.at.date() == clock.at.date()


def test_an_import_keeps_what_the_file_says_of_when(kept: Store) -> None:
    with kept.transaction(MANAGER) as tx:
        append_events(tx, KEY, [{**LABS, "recorded": "1999-01-01"}, {**LABS, "date": "2024-06-03"}], 1, keep_recorded=True)  # fmt: skip
    written = [event.recorded for event in case_as_known(kept, VIEWER, KEY).case.events[-2:]]
    assert written == [dt.date(1999, 1, 1), None]


def test_a_correction_supersedes_and_the_past_stays(kept: Store, clock: HandClock) -> None:
    before = clock()
    with kept.transaction(EDITOR) as tx:
        assert correct(tx, KEY, "l1", {"kind": "labs", "date": "2024-05-02", "bilirubin": "14 umol/L"}, 1) == 2
    now = case_as_known(kept, VIEWER, KEY).case
    assert facts_of(now, dt.date(2025, 2, 1)).value("bilirubin_umol_l") == 14
    then = case_as_known(kept, VIEWER, KEY, known_at=before)
    assert then.case == CASE.model_copy(update={"centre": "lyon"})
    assert then.version == 1


def test_a_clock_that_was_set_back_leaves_every_moment_readable(kept: Store, clock: HandClock) -> None:
    """A correction that was entered, by the clock, before what it corrects: with a version count those before it."""
    clock.pass_(days=2)
    with kept.transaction(EDITOR) as tx:
        append_events(tx, KEY, [LABS], 1)
    clock.pass_(days=-1)
    with kept.transaction(EDITOR) as tx:
        correct(tx, KEY, "labs-2024-06-02-1", {**LABS, "bilirubin": "30 umol/L"}, 2)
    versions: list[int] = []
    for hours in (-12, 12, 36):
        moment = clock.at + dt.timedelta(hours=hours)
        versions.append(case_as_known(kept, VIEWER, KEY, moment).version)
        assert facts_table(kept, MANAGER, dt.date(2025, 1, 1), Extract(known_at=moment)).height == 1
    assert versions == [1, 3, 3]
    assert verify_store(kept, CONSOLE).faults == ()


def test_before_it_was_added_there_is_no_case(kept: Store) -> None:
    with pytest.raises(NoSuchCase):
        case_as_known(kept, VIEWER, KEY, known_at=dt.datetime(2024, 1, 1, tzinfo=dt.UTC))


def test_the_header_changes_and_the_old_one_stays(kept: Store, clock: HandClock) -> None:
    before = clock()
    with kept.transaction(EDITOR) as tx:
        assert change_header(tx, KEY, {"question": "And now?", "birth_year": None}, 1) == 2
        assert change_header(tx, KEY, {"question": "And now?"}, 2) == 2  # nothing new, nothing written
    now = case_as_known(kept, VIEWER, KEY).case
    assert (now.question, now.birth_year, now.sex) == ("And now?", None, "female")
    assert case_as_known(kept, VIEWER, KEY, known_at=before).case.question == CASE.question


def test_the_second_editor_is_told_who_was_first(kept: Store) -> None:
    with kept.transaction(EDITOR) as tx:
        append_events(tx, KEY, [LABS], 1)
    other = {"kind": "clinic", "date": "2024-06-02", "ecog": 1}
    with pytest.raises(Conflict, match=r"by ed at 2025-01-01 12:00 UTC \(labs-2024-06-02-1\)"), kept.transaction(MANAGER) as tx:  # fmt: skip
        append_events(tx, KEY, [other], 1)
    assert len(case_as_known(kept, VIEWER, KEY).case.events) == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "labs", "date": "2024-06-02", "bilirubn": "13 umol/L"},
        {"kind": "labs", "date": "1950-01-01", "inr": 1},
        {"kind": "labs", "date": "2024-06-02", "inr": 1, "id": "l1"},
        {"kind": "labs", "date": "2024-06-02", "inr": 1, "corrects": "d1"},
        {"kind": "labs", "date": "2024-06-02", "inr": 1, "patient_name": "x"},
    ],
)
def test_a_bad_event_is_refused_whole(kept: Store, wrong: dict[str, object]) -> None:
    with pytest.raises(BadInput) as caught, kept.transaction(EDITOR) as tx:
        append_events(tx, KEY, [LABS, wrong], 1)
    assert caught.value.problems
    assert case_as_known(kept, VIEWER, KEY).version == 1


def test_a_pseudonym_is_unique_in_its_centre_only(kept: Store) -> None:
    with kept.transaction(CONSOLE) as tx:
        add_centre(tx, "paris")
    with pytest.raises(BadInput, match="already"), kept.transaction(EDITOR) as tx:
        add_case(tx, "lyon", CASE)
    with kept.transaction(STRANGER) as tx:
        add_case(tx, "paris", CASE)
    assert [line.key.centre for line in list_cases(kept, CONSOLE)] == ["lyon", "paris"]


def test_another_centre_sees_nothing(kept: Store) -> None:
    assert list_cases(kept, STRANGER) == ()
    assert list(read_cases(kept, STRANGER)) == []
    assert count_cases(kept, STRANGER) == {}
    for missing in (KEY, CaseKey("lyon", "none-such")):  # one answer, whether the case is there or not
        with pytest.raises(NotPermitted, match="another centre"):
            case_as_known(kept, STRANGER, missing)
    for write in (
        lambda tx: append_events(tx, KEY, [LABS], 1),
        lambda tx: correct(tx, KEY, "l1", LABS, 1),
        lambda tx: change_header(tx, KEY, {"question": "?"}, 1),
        lambda tx: set_state(tx, KEY, "prepared"),
        lambda tx: add_case(tx, "lyon", CASE.model_copy(update={"case": "X"})),
    ):
        with pytest.raises(NotPermitted, match="another centre"), kept.transaction(STRANGER) as tx:
            write(tx)


@pytest.mark.parametrize("actor", [VIEWER, ADMINISTRATOR])
def test_who_may_not_write_does_not(kept: Store, actor: object) -> None:
    with pytest.raises(NotPermitted), kept.transaction(actor) as tx:  # pyright: ignore[reportArgumentType]
        append_events(tx, KEY, [LABS], 1)
    assert case_as_known(kept, CONSOLE, KEY).version == 1


def test_an_administrator_sees_no_case(kept: Store) -> None:
    with pytest.raises(NotPermitted):
        case_as_known(kept, ADMINISTRATOR, KEY)
    with pytest.raises(NotPermitted):
        list_cases(kept, ADMINISTRATOR)


def test_lists_are_filtered_and_in_order(kept: Store) -> None:
    with kept.transaction(EDITOR) as tx:
        for name in ("B_1", "Bx1", "b-2", "A-9"):
            add_case(tx, "lyon", CASE.model_copy(update={"case": name}))
        set_state(tx, CaseKey("lyon", "A-9"), "follow_up", dt.date(2025, 3, 1))
    names = [line.key.case for line in list_cases(kept, VIEWER)]
    assert names == sorted(names)
    assert [c.key.case for c in list_cases(kept, VIEWER, CaseFilter(pseudonym="b_"))] == ["B_1"]  # `_` means itself
    assert [c.key.case for c in list_cases(kept, VIEWER, CaseFilter(states=("follow_up",), review_by=dt.date(2025, 4, 1)))] == ["A-9"]  # fmt: skip
    assert list_cases(kept, VIEWER, CaseFilter(review_by=dt.date(2025, 2, 1))) == ()
    assert [c.key.case for c in list_cases(kept, VIEWER, CaseFilter(cases=("B_1", "A-9", "none")))] == ["A-9", "B_1"]
    assert count_cases(kept, VIEWER) == {"backlog": 4, "follow_up": 1}


def test_every_read_and_write_of_a_case_is_in_the_trail(kept: Store) -> None:
    case_as_known(kept, VIEWER, KEY)
    with kept.transaction(EDITOR) as tx:
        append_events(tx, KEY, [LABS], 1)
        correct(tx, KEY, "l1", {"kind": "labs", "date": "2024-05-02", "inr": 1}, 2)
    list(read_cases(kept, MANAGER, purpose="cases.export"))
    with kept.read() as connection:
        found = [(r.actor, r.action, r.case) for r in connection.execute(select(audit).order_by(audit.c.seq))]
    assert found[1:] == [
        ("ed", "case.add", "NELM-1"),
        ("viewer", "case.read", "NELM-1"),
        ("ed", "case.append", "NELM-1"),
        ("ed", "case.correct", "NELM-1"),
        ("manager", "cases.export", None),
    ]


@pytest.mark.parametrize("name", APPEND_ONLY)
def test_the_database_itself_refuses_to_change_what_is_append_only(kept: Store, name: str) -> None:
    table = metadata.tables[name]
    for statement in (update(table).values({table.c.digest: "x"}), delete(table)):
        with pytest.raises(exc.DatabaseError, match="append-only"), kept.engine.begin() as connection:
            connection.execute(statement)
    if kept.engine.dialect.name == "postgresql":
        with pytest.raises(exc.DatabaseError, match="append-only"), kept.engine.begin() as connection:
            connection.execute(text(f"TRUNCATE {name} CASCADE"))


def test_an_event_of_no_case_cannot_be_put_in(kept: Store) -> None:
    with kept.read() as connection:
        row = dict(connection.execute(select(events)).mappings().first() or {})
    with pytest.raises(exc.IntegrityError), kept.engine.begin() as connection:
        connection.execute(insert(events).values({**row, "seq": 99, "case_id": 99}))


def test_a_withdrawal_goes_out_and_comes_back_as_it_is(store: Store, tmp_path: Path) -> None:
    """Exported, imported into another registry, continued there, and brought back: the facts are the same at each step."""
    key = CaseKey("lyon", "NELM-1")
    with store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", CASE)
        withdraw(tx, key, "l1", "entered for another patient", 1)
    everything = Extract(CaseFilter(centre="lyon"), free_text=True)
    export_cases(store, CONSOLE, tmp_path / "out.zip", everything)
    export_cases(store, CONSOLE, tmp_path / "wordless.zip")
    there = Store.initialise(make_folder(tmp_path / "there", "lyon"), store.now)
    bring(there, CONSOLE, tmp_path / "out.zip")
    here, brought = (case_as_known(each, CONSOLE, key).case for each in (store, there))
    assert brought.events == here.events and brought.events[-1].kind == "withdrawal"
    assert bring(there, CONSOLE, tmp_path / "out.zip").unchanged == (key,)
    with there.transaction(EDITOR) as tx:
        undo_withdrawal(tx, key, here.events[-1].id, 1)
    export_cases(there, CONSOLE, tmp_path / "back.zip", everything)
    assert bring(store, CONSOLE, tmp_path / "back.zip").extended == (key,)
    after = case_as_known(store, CONSOLE, key).case
    day = dt.date(2030, 1, 1)
    values = [facts_of(case, day).facts["bilirubin_umol_l"].value for case in (CASE, here, after)]
    assert values[0] == values[2] is not None and values[1] is None
    there.close()
    wordless = Store.initialise(make_folder(tmp_path / "wordless", "lyon"), store.now)
    bring(wordless, CONSOLE, tmp_path / "wordless.zip")
    case = case_as_known(wordless, CONSOLE, key).case
    assert facts_of(case, day).facts["bilirubin_umol_l"].value is None and case.events[-1].kind == "withdrawal"
    wordless.close()
