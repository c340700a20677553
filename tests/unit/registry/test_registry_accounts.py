"""Accounts: who gets in, who does not, how long a session lives, and what leaks to someone who tries."""

from __future__ import annotations

import statistics
import threading
import time

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select
from tests.registry_samples import ADMINISTRATOR, CHAIR, HandClock

from liverboard.errors import BadInput, NotPermitted
from liverboard.registry import accounts as accounts_room
from liverboard.registry.accounts import (
    ABSOLUTE,
    IDLE,
    LINK_VALID,
    NotLoggedIn,
    change_account,
    change_password,
    create_account,
    first_link,
    list_accounts,
    log_in,
    log_in_oidc,
    log_out,
    new_link,
    session_of,
    set_password,
)
from liverboard.registry.backup import verify_store
from liverboard.registry.permissions import CONSOLE, RIGHTS, Actor
from liverboard.registry.schema import accounts, audit, links, sessions
from liverboard.registry.store import Store, add_centre

PASSWORD, OTHER = "four unrelated words here", "another set of four words"


@pytest.fixture(autouse=True)
def quick_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    cheap = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(accounts_room, "_hasher", lambda: cheap)


@pytest.fixture
def ready(store: Store) -> Store:
    """A store with the account `ed`, an editor of lyon."""
    with store.transaction(ADMINISTRATOR) as tx:
        link = create_account(tx, "ed", "editor", "lyon")
    set_password(store, link, PASSWORD)
    return store


def test_the_first_administrator_comes_by_a_link_that_works_once(store: Store) -> None:
    with store.transaction(CONSOLE) as tx:
        early = first_link(tx)
        link = first_link(tx)
    assert early is not None and link is not None and early != link
    with pytest.raises(NotLoggedIn):  # a newer link ends the one before
        set_password(store, early, PASSWORD)
    account = set_password(store, link, PASSWORD)
    assert (account.name, account.role, account.centre) == ("administrator", "administrator", None)
    with pytest.raises(NotLoggedIn):
        set_password(store, link, OTHER)
    with store.transaction(CONSOLE) as tx:
        assert first_link(tx) is None
    assert log_in(store, "administrator", PASSWORD).account == account


def test_a_link_ends_after_its_time(store: Store, clock: HandClock) -> None:
    with store.transaction(CONSOLE) as tx:
        link = first_link(tx) or ""
    clock.pass_(seconds=LINK_VALID.total_seconds() + 1)
    with pytest.raises(NotLoggedIn, match="too old"):
        set_password(store, link, PASSWORD)


@pytest.mark.parametrize("weak", ["", "short", "aaaaaaaaaaaaaaaa", "x" * 201])
def test_a_weak_password_is_refused_and_the_link_stays(store: Store, weak: str) -> None:
    with store.transaction(CONSOLE) as tx:
        link = first_link(tx) or ""
    with pytest.raises(BadInput, match="password"):
        set_password(store, link, weak)
    set_password(store, link, PASSWORD)


def test_a_session_says_who(ready: Store) -> None:
    login = log_in(ready, "ed", PASSWORD)
    session = session_of(ready, login.token)
    assert session.account.actor == Actor("ed", "editor", "lyon")
    assert session.csrf == login.csrf
    log_out(ready, login.token)
    log_out(ready, login.token)
    with pytest.raises(NotLoggedIn):
        session_of(ready, login.token)


def test_every_login_has_a_token_of_its_own(ready: Store) -> None:
    first, second = log_in(ready, "ed", PASSWORD), log_in(ready, "ed", PASSWORD)
    assert first.token != second.token and first.csrf != second.csrf
    log_out(ready, first.token)
    session_of(ready, second.token)


def test_a_session_ends_when_idle_and_after_its_longest_time(ready: Store, clock: HandClock) -> None:
    token = log_in(ready, "ed", PASSWORD).token
    clock.pass_(seconds=IDLE.total_seconds() - 5)
    session_of(ready, token)
    clock.pass_(seconds=IDLE.total_seconds() - 5)
    session_of(ready, token)  # the use before counted
    clock.pass_(seconds=IDLE.total_seconds() + 5)
    with pytest.raises(NotLoggedIn):
        session_of(ready, token)
    token = log_in(ready, "ed", PASSWORD).token
    for _ in range(int(ABSOLUTE / (IDLE / 2)) - 1):
        clock.pass_(seconds=IDLE.total_seconds() / 2)
        session_of(ready, token)
    clock.pass_(seconds=IDLE.total_seconds() / 2 + 5)
    with pytest.raises(NotLoggedIn):
        session_of(ready, token)


def test_wrong_tries_lock_the_account_for_a_while(ready: Store, clock: HandClock) -> None:
    for _ in range(5):
        with pytest.raises(NotLoggedIn):
            log_in(ready, "ed", OTHER)
    with pytest.raises(NotLoggedIn) as locked:
        log_in(ready, "ed", PASSWORD)
    with pytest.raises(NotLoggedIn) as unknown:
        log_in(ready, "nobody", PASSWORD)
    assert str(locked.value) == str(unknown.value)  # nothing tells a locked, a wrong and an unknown name apart
    clock.pass_(minutes=16)
    log_in(ready, "ed", PASSWORD)


def test_a_right_password_forgets_the_wrong_ones(ready: Store) -> None:
    for _ in range(3):
        for _ in range(4):
            with pytest.raises(NotLoggedIn):
                log_in(ready, "ed", OTHER)
        log_in(ready, "ed", PASSWORD)


def test_an_unknown_name_takes_as_long_as_a_wrong_password(ready: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = PasswordHasher()
    monkeypatch.setattr(accounts_room, "_hasher", lambda: slow)
    with ready.transaction(ADMINISTRATOR) as tx:
        link = new_link(tx, "ed")
    set_password(ready, link, PASSWORD)
    accounts_room._no_password.cache_clear()

    def seconds(name: str) -> float:
        start = time.process_time()
        with pytest.raises(NotLoggedIn):
            log_in(ready, name, OTHER)
        return time.process_time() - start

    seconds("nobody")  # makes the hash that unknown names are held against
    known = statistics.median(seconds("ed") for _ in range(4))
    unknown = statistics.median(seconds("nobody") for _ in range(4))
    assert unknown > known / 4  # without the pains taken it would be a hundredth


def test_what_is_secret_is_nowhere_in_the_database(ready: Store) -> None:
    login = log_in(ready, "ed", PASSWORD)
    with pytest.raises(NotLoggedIn):
        log_in(ready, PASSWORD, PASSWORD)  # the password typed as the name
    with ready.transaction(ADMINISTRATOR) as tx:
        link = new_link(tx, "ed")
    login = log_in(ready, "ed", PASSWORD)
    with ready.read() as connection:
        text = " ".join(str(tuple(row)) for table in (accounts, sessions, links, audit) for row in connection.execute(select(table)))  # fmt: skip
    for secret in (PASSWORD, login.token, link):
        assert secret not in text
    assert "$argon2id$" in text


def test_a_changed_password_ends_every_session(ready: Store) -> None:
    tokens = [log_in(ready, "ed", PASSWORD).token for _ in range(2)]
    by = Actor("ed", "editor", "lyon")
    with pytest.raises(NotLoggedIn):
        change_password(ready, by, OTHER, OTHER)
    with pytest.raises(BadInput):
        change_password(ready, by, PASSWORD, PASSWORD)
    change_password(ready, by, PASSWORD, OTHER)
    for token in tokens:
        with pytest.raises(NotLoggedIn):
            session_of(ready, token)
    log_in(ready, "ed", OTHER)


def test_a_closed_account_is_out_at_once(ready: Store) -> None:
    token = log_in(ready, "ed", PASSWORD).token
    with ready.transaction(ADMINISTRATOR) as tx:
        change_account(tx, "ed", active=False)
    with pytest.raises(NotLoggedIn):
        session_of(ready, token)
    with pytest.raises(NotLoggedIn):
        log_in(ready, "ed", PASSWORD)


def test_a_new_role_needs_a_new_login(ready: Store) -> None:
    token = log_in(ready, "ed", PASSWORD).token
    with ready.transaction(ADMINISTRATOR) as tx:
        change_account(tx, "ed", role="viewer")
    with pytest.raises(NotLoggedIn):
        session_of(ready, token)
    assert log_in(ready, "ed", PASSWORD).account.role == "viewer"


def test_the_last_administrator_stays(store: Store) -> None:
    with store.transaction(CONSOLE) as tx:
        first_link(tx)
    for change in ({"active": False}, {"role": "viewer"}):
        with pytest.raises(BadInput, match="no administrator left"), store.transaction(CONSOLE) as tx:
            change_account(tx, "administrator", **change)  # pyright: ignore[reportArgumentType]


def test_open_id_login_needs_an_account(store: Store) -> None:
    with store.transaction(ADMINISTRATOR) as tx:
        create_account(tx, "ida", "viewer", "lyon", oidc_subject="https://login.example|42")
    assert log_in_oidc(store, "https://login.example|42").account.name == "ida"
    with pytest.raises(NotLoggedIn):
        log_in_oidc(store, "https://login.example|43")
    with pytest.raises(NotLoggedIn):
        log_in(store, "ida", "")  # without a password there is no login by password


@pytest.mark.parametrize(
    "name", ["", "a", "Ed", "e d", "x" * 64, "console", "ed", "<b>", "../x", "administrator'--", "é"]
)
def test_names_of_accounts_are_plain_and_single(ready: Store, name: str) -> None:
    with pytest.raises(BadInput), ready.transaction(ADMINISTRATOR) as tx:
        create_account(tx, name, "viewer", "lyon")


def test_only_an_administrator_manages_accounts_and_only_of_theirs(ready: Store) -> None:
    for by in (CHAIR, Actor("m", "data_manager", "lyon")):
        for act in (
            lambda tx: create_account(tx, "new", "viewer", "lyon"),
            lambda tx: new_link(tx, "ed"),
            lambda tx: change_account(tx, "ed", role="administrator"),
            lambda tx: add_centre(tx, "rome"),
        ):
            with pytest.raises(NotPermitted), ready.transaction(by) as tx:
                act(tx)
        with pytest.raises(NotPermitted):
            list_accounts(ready, by)
    of_paris = Actor("p", "administrator", "paris")
    with pytest.raises(NotPermitted, match="another centre"), ready.transaction(of_paris) as tx:
        change_account(tx, "ed", active=False)
    assert list_accounts(ready, of_paris) == ()
    with ready.transaction(CONSOLE) as tx:
        first_link(tx)
    for act in (  # the administrator of one centre is none of the whole store, and makes none
        lambda tx: create_account(tx, "mine", "administrator", None),
        lambda tx: create_account(tx, "mine", "editor", "lyon"),
        lambda tx: new_link(tx, "administrator"),
        lambda tx: change_account(tx, "administrator", active=False),
        lambda tx: add_centre(tx, "rome"),
    ):
        with pytest.raises(NotPermitted, match="another centre"), ready.transaction(of_paris) as tx:
            act(tx)
    assert [account.name for account in list_accounts(ready, ADMINISTRATOR)] == ["administrator", "ed"]


def test_roles_hold_what_the_table_says() -> None:
    assert RIGHTS["viewer"] < RIGHTS["editor"] < RIGHTS["chair"]
    assert not any("see_cases" in RIGHTS[role] for role in ("administrator",))
    assert [role for role, rights in RIGHTS.items() if "sign_off" in rights] == ["chair"]
    assert [role for role, rights in RIGHTS.items() if "manage_accounts" in rights] == ["administrator"]


def test_many_tries_together_do_not_fill_the_memory(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    running, most = 0, 0
    counting = threading.Lock()

    class Slow:
        def hash(self, password: str) -> str:
            return password

        def verify(self, hashed: str, password: str) -> bool:
            nonlocal running, most
            with counting:
                running += 1
                most = max(most, running)
            time.sleep(0.02)
            with counting:
                running -= 1
            return False

    monkeypatch.setattr(accounts_room, "_hasher", Slow)

    def try_once() -> None:
        with pytest.raises(NotLoggedIn):
            log_in(store, "nobody", "a guess of twelve")

    tries = [threading.Thread(target=try_once) for _ in range(8)]
    for each in tries:
        each.start()
    for each in tries:
        each.join()
    assert 1 <= most <= 2


def test_who_guesses_does_not_fill_the_trail(ready: Store, clock: HandClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of tries that follow one another the first of a minute has a line; every account that is tried has its own."""
    monkeypatch.setattr(accounts_room, "_fits", lambda *_: False)

    def lines() -> int:
        with ready.read() as connection:
            return len(connection.scalars(select(audit.c.seq).where(audit.c.action == "login.refused")).all())

    def guess(name: str, times: int) -> None:
        for _ in range(times):
            with pytest.raises(NotLoggedIn):
                log_in(ready, name, OTHER)

    guess("nobody", 20)
    assert lines() == 1
    clock.pass_(seconds=61)
    guess("nobody", 20)
    assert lines() == 2
    guess("ed", 20)  # the fifth locks it, and has a line of its own
    assert lines() == 4
    assert verify_store(ready, CONSOLE).faults == ()
