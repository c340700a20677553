"""Accounts of people: passwords (argon2id), lockout, sessions, one-time links. A token is only ever kept as its digest."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import secrets
from dataclasses import dataclass
from functools import cache
from threading import BoundedSemaphore
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from sqlalchemy import Connection, Row, select

from liverboard.errors import BadInput, NotPermitted
from liverboard.registry.audit import canonical
from liverboard.registry.permissions import EVERYWHERE, Actor
from liverboard.registry.schema import Role, accounts, audit, centres, links, sessions
from liverboard.registry.store import ADD_CENTRE, Store, Transaction, centre_id, insert_row

IDLE: Final = dt.timedelta(minutes=30)
ABSOLUTE: Final = dt.timedelta(hours=12)
LINK_VALID: Final = dt.timedelta(hours=24)
FAILURES: Final = 5  # in a row; then the account waits
LOCKED: Final = dt.timedelta(minutes=15)
_SEEN_EVERY: Final = dt.timedelta(minutes=1)  # a session's last use is written no more often
_REFUSED_LINE: Final = "login.refused"
_REFUSED_EVERY: Final = dt.timedelta(minutes=1)
_AT_ONCE: Final = BoundedSemaphore(
    2
)  # each password that is looked at takes 64 MB; many tries together shall not fill the memory
_SHORTEST, _LONGEST = 12, 200
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,62}")
_REFUSED: Final = "the name or the password is not right, or the account is locked for a while"


class NotLoggedIn(NotPermitted):
    http_status = 401


@dataclass(frozen=True, slots=True)
class Account:
    name: str
    role: Role
    centre: str | None
    active: bool
    must_change: bool
    locked_until: dt.datetime | None
    has_password: bool

    @property
    def actor(self) -> Actor:
        return Actor(self.name, self.role, self.centre)


@dataclass(frozen=True, slots=True)
class Login:
    """A fresh session. `token` goes into the cookie and nowhere else."""

    token: str
    csrf: str
    account: Account


@dataclass(frozen=True, slots=True)
class Session:
    """A running session. `csrf`: what every form of it carries."""

    account: Account
    csrf: str


# --- accounts ------------------------------------------------------------------------------------------------------------------------------------------


def create_account(
    tx: Transaction, name: str, role: Role, centre: str | None, *, oidc_subject: str | None = None
) -> str:
    """Make an account and give the token of the one-time link by which its owner sets the password.

    `oidc_subject`: `issuer|subject` of who logs in by OpenID Connect. Raises BadInput, NotPermitted.
    """
    tx.by.require("manage_accounts", centre or EVERYWHERE)
    if not _NAME.fullmatch(name):
        raise BadInput("this cannot be the name of an account", hint="Use 2 to 63 of a to z, 0 to 9, '.', '_' and '-'.")
    if name == "console" or _row(tx.connection, name) is not None:
        raise BadInput("there is an account of this name already", hint="Choose another name.")
    if centre is None and role != "administrator":
        raise BadInput("an account that sees cases belongs to a centre", hint="Name its centre.")
    owner = None if centre is None else centre_id(tx.connection, centre)
    if centre is not None and owner is None:
        raise BadInput("the store has no such centre", hint=ADD_CENTRE)
    account_id = insert_row(
        tx.connection,
        accounts,
        name=name,
        role=role,
        centre_id=owner,
        password=None,
        oidc_subject=oidc_subject,
        failed=0,
        active=True,
        must_change=False,
        created=tx.at,
    )
    token = _new_link(tx, account_id)
    detail = {"account": name, "role": role}
    tx.note("account.create", centre=centre, detail=detail, wrote=[("account", account_id)])
    return token


def first_link(tx: Transaction) -> str | None:
    """The one-time link of the first administrator, for the terminal; None once an administrator has a password or OpenID login.

    Each call makes a new link and ends the one before it.
    """
    rows = tx.connection.execute(select(accounts).where(accounts.c.role == "administrator", accounts.c.active)).all()
    if any(row.password is not None or row.oidc_subject is not None for row in rows):
        return None
    if not rows:
        return create_account(tx, "administrator", "administrator", None)
    token = _new_link(tx, rows[0].id)
    tx.note("account.link", detail={"account": rows[0].name}, wrote=[("account", rows[0].id)])
    return token


def new_link(tx: Transaction, name: str) -> str:
    """A one-time link for who forgot the password. It ends the account's sessions, and its lock. Raises BadInput, NotPermitted."""
    row = _managed(tx, name)
    tx.connection.execute(accounts.update().where(accounts.c.id == row.id).values(failed=0, locked_until=None))
    _end_sessions(tx.connection, row.id)
    token = _new_link(tx, row.id)
    tx.note("account.link", centre=row.centre, detail={"account": name}, wrote=[("account", row.id)])
    return token


def change_account(tx: Transaction, name: str, *, role: Role | None = None, active: bool | None = None) -> None:
    """Give an account another role, or close or open it again. Its sessions end. Raises BadInput, NotPermitted."""
    row = _managed(tx, name)
    changed: dict[str, Any] = {k: v for k, v in (("role", role), ("active", active)) if v is not None}
    if not changed:
        return
    last = "there would be no administrator left"
    if row.role == "administrator" and (role not in {None, "administrator"} or active is False):
        others = select(accounts.c.id).where(
            accounts.c.role == "administrator", accounts.c.active, accounts.c.id != row.id
        )
        if tx.connection.execute(others).first() is None:
            raise BadInput(last, hint="Make another administrator first.")
    if role is not None and role != "administrator" and row.centre_id is None:
        raise BadInput("an account that sees cases belongs to a centre", hint="Make a new account of that centre.")
    tx.connection.execute(accounts.update().where(accounts.c.id == row.id).values(**changed))
    _end_sessions(tx.connection, row.id)
    tx.note("account.change", centre=row.centre, detail={"account": name, **changed}, wrote=[("account", row.id)])


def list_accounts(store: Store, by: Actor) -> tuple[Account, ...]:
    by.require("manage_accounts")
    query = _accounts()
    if by.centre is not None:
        query = query.where(centres.c.name == by.centre)
    with store.read() as connection:
        return tuple(sorted((_account(row) for row in connection.execute(query)), key=lambda account: account.name))


# --- passwords and links -------------------------------------------------------------------------------------------------------------------------------


def set_password(store: Store, link: str, password: str) -> Account:
    """Use a one-time link. Raises BadInput for a weak password (the link stays), NotLoggedIn for a link that is used, too old or none."""
    _check_password(password)
    hashed = _hashed(password)
    with store.transaction(Actor("link", None, None)) as tx:
        query = select(links).where(links.c.token_hash == _hash(link), links.c.used.is_(None), links.c.expires > tx.at)
        found = tx.connection.execute(query).first()
        row = None if found is None else tx.connection.execute(_accounts().where(accounts.c.id == found.account_id)).first()  # fmt: skip
        if row is None or not row.active:
            raise NotLoggedIn("this link is used, too old, or none of ours", hint="Ask an administrator for a new one.")
        tx.connection.execute(links.update().where(links.c.token_hash == _hash(link)).values(used=tx.at))
        _keep_password(tx, row, hashed)
        return _account(tx.connection.execute(_accounts().where(accounts.c.id == row.id)).one())


def change_password(store: Store, by: Actor, old: str, new: str) -> None:
    """Change one's own password; every session of the account ends. Raises BadInput, NotLoggedIn when the old one is not right."""
    with store.read() as connection:
        row = _row(connection, by.name)
    if row is None or not _fits(row.password, old):
        raise NotLoggedIn("the old password is not right", hint="Ask an administrator for a link if it is forgotten.")
    if old == new:
        raise BadInput("the new password is the old one", hint="Choose another.")
    _check_password(new)
    hashed = _hashed(new)
    with store.transaction(by) as tx:
        _keep_password(tx, row, hashed)


def _keep_password(tx: Transaction, row: Row[Any], hashed: str) -> None:
    tx.connection.execute(
        accounts.update()
        .where(accounts.c.id == row.id)
        .values(password=hashed, failed=0, locked_until=None, must_change=False)
    )
    _end_sessions(tx.connection, row.id)
    tx.note("account.password", centre=row.centre, detail={"account": row.name}, wrote=[("account", row.id)])


def _check_password(password: str) -> None:
    if not _SHORTEST <= len(password) <= _LONGEST:
        raise BadInput(
            f"a password has {_SHORTEST} to {_LONGEST} characters", hint="Three or four unrelated words are good."
        )
    if len(set(password)) < 5 or not password.isprintable():
        raise BadInput(
            "the password repeats too few characters, or holds some that cannot be typed",
            hint="Three or four unrelated words are good.",
        )


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()  # argon2id with the parameters of RFC 9106, second recommendation


@cache
def _no_password() -> str:
    return _hashed(secrets.token_urlsafe(16))


def _hashed(password: str) -> str:
    with _AT_ONCE:
        return _hasher().hash(password)


def _fits(hashed: str | None, password: str) -> bool:
    """Takes as long for an account that is not there as for one that is."""
    against = hashed or _no_password()
    try:
        with _AT_ONCE:
            return _hasher().verify(against, password[: _LONGEST + 1]) and hashed is not None
    except (VerifyMismatchError, VerificationError, InvalidHashError, UnicodeEncodeError):
        return False


# --- login and sessions --------------------------------------------------------------------------------------------------------------------------------


def log_in(store: Store, name: str, password: str, *, known: bool = False) -> Login:
    """A new session, with a new token whatever was there before. Raises NotLoggedIn in the same words, whatever was wrong.

    `known`: the account signed in there before. It does not wait for wrong tries made elsewhere; its own are for the caller to count.
    """
    with store.read() as connection:
        row = _row(connection, name)
    right = _fits(None if row is None else row.password, password)
    with store.transaction(Actor("login", None, None)) as tx:
        row = _row(tx.connection, name)  # as it is now: others may have tried meanwhile
        waits = not known and row is not None and row.locked_until is not None and row.locked_until > tx.at
        if row is not None and row.active and right and not waits:
            if not known:
                tx.connection.execute(
                    accounts.update().where(accounts.c.id == row.id).values(failed=0, locked_until=None)
                )
            return _new_session(tx, row)
        if row is not None and not waits and not known:
            _count_failure(tx, row)
        named = {"account": name} if row is not None else {}  # what was typed as a name may be a password
        _note_refused(tx, named)
    raise NotLoggedIn(
        _REFUSED,
        hint=f"After {FAILURES} wrong tries an account waits {LOCKED.seconds // 60} minutes. A browser in which it signed in before does not wait for tries made elsewhere.",
    )


def log_in_oidc(store: Store, subject: str) -> Login:
    """A new session of who the identity provider vouches for: `issuer|subject`. Raises NotLoggedIn when no account has it."""
    with store.transaction(Actor("login", None, None)) as tx:
        row = tx.connection.execute(_accounts().where(accounts.c.oidc_subject == subject, accounts.c.active)).first()
        if row is not None:
            return _new_session(tx, row)
        _note_refused(tx, {})
    raise NotLoggedIn("no account belongs to this login", hint="Ask an administrator to make one.")


def session_of(store: Store, token: str, *, by_a_person: bool = True) -> Session:
    """The session of a token; asked for `by_a_person`, its idle time starts anew. Raises NotLoggedIn when it ended or never was."""
    now = store.now()
    with store.read() as connection:
        query = select(sessions).where(sessions.c.token_hash == _hash(token))
        found = connection.execute(query).first()
        row = None if found is None else connection.execute(_accounts().where(accounts.c.id == found.account_id)).first()  # fmt: skip
    if found is None or row is None or not row.active or now - found.seen > IDLE or now - found.created > ABSOLUTE:
        raise NotLoggedIn("you are not logged in, or were away too long", hint="Log in again.")
    if by_a_person and now - found.seen > _SEEN_EVERY:
        with store.transaction(_account(row).actor) as tx:
            tx.connection.execute(sessions.update().where(sessions.c.token_hash == _hash(token)).values(seen=tx.at))
    return Session(_account(row), found.csrf)


def log_out(store: Store, token: str) -> None:
    """End a session. One that is not there is ended already."""
    with store.transaction(Actor("login", None, None)) as tx:
        query = select(accounts.c.name).join(sessions).where(sessions.c.token_hash == _hash(token))
        name = tx.connection.scalar(query)
        if name is not None:
            tx.connection.execute(sessions.delete().where(sessions.c.token_hash == _hash(token)))
            tx.note("logout", detail={"account": name})


def _new_session(tx: Transaction, row: Row[Any]) -> Login:
    token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    tx.connection.execute(sessions.delete().where(sessions.c.created < tx.at - ABSOLUTE))
    tx.connection.execute(
        sessions.insert().values(token_hash=_hash(token), account_id=row.id, created=tx.at, seen=tx.at, csrf=csrf)
    )
    tx.note("login", centre=row.centre, detail={"account": row.name})
    return Login(token, csrf, _account(row))


def _count_failure(tx: Transaction, row: Row[Any]) -> None:
    failed = row.failed + 1
    locked = tx.at + LOCKED if failed >= FAILURES else None
    values = {"failed": 0 if locked else failed, "locked_until": locked}
    tx.connection.execute(accounts.update().where(accounts.c.id == row.id).values(**values))
    if locked:
        tx.note("account.locked", centre=row.centre, detail={"account": row.name, "until": locked})


def _note_refused(tx: Transaction, named: dict[str, str]) -> None:
    """A line in the trail, of tries that follow one another the first in a minute: who guesses does not fill it."""
    last = tx.connection.execute(select(audit).order_by(audit.c.seq.desc()).limit(1)).first()
    if (
        last is None
        or (last.action, last.detail) != (_REFUSED_LINE, canonical(named))
        or abs(tx.at - last.at) > _REFUSED_EVERY
    ):
        tx.note(_REFUSED_LINE, detail=named)


def _new_link(tx: Transaction, account_id: int) -> str:
    token = secrets.token_urlsafe(32)
    tx.connection.execute(links.delete().where(links.c.account_id == account_id))
    tx.connection.execute(
        links.insert().values(token_hash=_hash(token), account_id=account_id, expires=tx.at + LINK_VALID)
    )
    return token


def _end_sessions(connection: Connection, account_id: int) -> None:
    connection.execute(sessions.delete().where(sessions.c.account_id == account_id))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def _accounts() -> Any:
    return select(accounts, centres.c.name.label("centre")).outerjoin(centres, centres.c.id == accounts.c.centre_id)


def _row(connection: Connection, name: str) -> Row[Any] | None:
    return connection.execute(_accounts().where(accounts.c.name == name)).first()


def _managed(tx: Transaction, name: str) -> Row[Any]:
    row = _row(tx.connection, name)
    tx.by.require("manage_accounts", None if row is None else row.centre or EVERYWHERE)
    if row is None:
        raise BadInput("there is no account of this name", hint="Look at the list of accounts.")
    return row


def _account(row: Row[Any]) -> Account:
    return Account(
        row.name, row.role, row.centre, row.active, row.must_change, row.locked_until, row.password is not None
    )
