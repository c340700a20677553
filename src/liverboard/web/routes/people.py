"""People and what was done: accounts with their roles and one-time links, the audit trail, and whether the store is as it was written."""

from __future__ import annotations

import datetime as dt
import json
from typing import Annotated, get_args

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from liverboard.clinical.extent import Frozen
from liverboard.errors import BadInput
from liverboard.registry.accounts import Account, change_account, create_account, list_accounts, new_link
from liverboard.registry.audit import Entry
from liverboard.registry.backup import verify_store
from liverboard.registry.permissions import RIGHTS
from liverboard.registry.schema import Role
from liverboard.registry.store import list_centres
from liverboard.registry.trail import read_trail
from liverboard.web.form_data import takes
from liverboard.web.gate import Form, Here, Person, who_may
from liverboard.web.notices import Notice, on_to
from liverboard.web.pages import page
from liverboard.web.site import Site

router = APIRouter(tags=["people"])
Manager = Annotated[Person, who_may("manage_accounts")]
AccountName = Annotated[str, Path(max_length=64)]
ROLES: tuple[Role, ...] = get_args(Role)
PER_PAGE = 100


class ListedAccount(Frozen):
    name: str
    role: Role
    centre: str | None
    active: bool
    has_password: bool
    locked_until: dt.datetime | None


class AccountList(Frozen):
    accounts: tuple[ListedAccount, ...]


class TrailLine(Frozen):
    """One entry. `among`: how many cases it is about, where it is about several. `detail`: what it says beside, as a case file in JSON would."""

    seq: int
    at: dt.datetime
    actor: str
    action: str
    centre: str | None
    case: str | None
    among: int | None
    detail: str


class Trail(Frozen):
    """Entries, newest first. `older`: the number to ask for those before them; None at the beginning of the trail."""

    entries: tuple[TrailLine, ...]
    older: int | None


class Verification(Frozen):
    """What was held against the chain. `faults`: none when the store is as it was written. `notes`: what could not be looked at, and why."""

    entries: int
    rows: int
    heads: int
    faults: tuple[str, ...]
    notes: tuple[str, ...] = ()


# --- accounts ------------------------------------------------------------------------------------------------------------------------------------------


@router.get("/people", responses={200: {"model": AccountList}})
def people(request: Request, site: Here, who: Manager) -> Response:
    """Every account that one may manage."""
    return _people(request, site, who)


@router.post("/people", openapi_extra=takes("name", "role", "centre", "subject"))
def add_account(request: Request, site: Here, who: Manager, form: Form) -> Response:
    """Make an account. The one-time link by which its owner sets the password is shown once, on the page that answers."""
    name, role = form.get("name", "").strip().lower(), form.get("role", "")
    subject = form.get("subject", "").strip()
    try:
        if len(subject) > 255 - len("https://") - len(_issuer(site)):
            raise BadInput("the hospital's number of the account is too long")
        with site.store.transaction(who) as tx:
            token = create_account(
                tx,
                name,
                _role(role),
                form.get("centre") or None,
                oidc_subject=f"{_issuer(site)}|{subject}" if subject and site.openid else None,
            )
    except BadInput as error:
        return _people(request, site, who, typed=form, error=error)
    return _people(request, site, who, made=(name, _link(site, token)))


@router.post("/people/{name}/role", openapi_extra=takes("role"))
def change_role(site: Here, who: Manager, form: Form, name: AccountName) -> Response:
    """Another role; the sessions of the account end."""
    with site.store.transaction(who) as tx:
        change_account(tx, name, role=_role(form.get("role", "")))
    return on_to("/people", Notice.ROLE_CHANGED)


@router.post("/people/{name}/active", openapi_extra=takes("active"))
def open_or_close(site: Here, who: Manager, form: Form, name: AccountName) -> Response:
    """Close an account, or open it again; its sessions end."""
    opened = form.get("active") == "yes"
    with site.store.transaction(who) as tx:
        change_account(tx, name, active=opened)
    return on_to("/people", Notice.ACCOUNT_OPEN if opened else Notice.ACCOUNT_CLOSED)


@router.post("/people/{name}/link", openapi_extra=takes())
def link(request: Request, site: Here, who: Manager, name: AccountName) -> Response:
    """A new one-time link, shown once. It ends the sessions and the lock of the account."""
    with site.store.transaction(who) as tx:
        token = new_link(tx, name)
    return _people(request, site, who, made=(name, _link(site, token)))


def _people(
    request: Request,
    site: Site,
    who: Person,
    *,
    typed: dict[str, str] | None = None,
    error: BadInput | None = None,
    made: tuple[str, str] | None = None,
) -> Response:
    found = AccountList(accounts=tuple(_listed(each, site.store.now()) for each in list_accounts(site.store, who)))
    return page(
        request,
        "people.html",
        200 if error is None else 400,
        content=None if made is not None or error is not None else found,
        listed=found.accounts,
        roles=ROLES,
        rights=RIGHTS,
        centres=list_centres(site.store) if who.centre is None else (who.centre,),
        typed={name: (typed or {}).get(name, "") for name in ("name", "role", "centre", "subject")},
        is_again=typed is not None,
        error=error,
        made=made,
        single_sign_on=site.openid is not None,
    )


def _listed(account: Account, now: dt.datetime) -> ListedAccount:
    locked = account.locked_until if account.locked_until is not None and account.locked_until > now else None
    return ListedAccount(
        name=account.name,
        role=account.role,
        centre=account.centre,
        active=account.active,
        has_password=account.has_password,
        locked_until=locked,
    )


def _role(text: str) -> Role:
    for role in ROLES:
        if role == text:
            return role
    raise BadInput("this is no role", hint=f"Expected one of {', '.join(ROLES)}.")


def _issuer(site: Site) -> str:
    return "" if site.openid is None else site.openid.issuer


def _link(site: Site, token: str) -> str:
    """Never by the name that the browser sent: who sends another would have the link lead to their own site."""
    return f"{site.address}/welcome/{token}"


# --- the audit trail -----------------------------------------------------------------------------------------------------------------------------------


@router.get("/trail", responses={200: {"model": Trail}})
def trail(
    request: Request,
    site: Here,
    who: Annotated[Person, who_may("see_audit")],
    centre: Annotated[str, Query(max_length=64)] = "",
    case: Annotated[str, Query(max_length=64)] = "",
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> Response:
    """Who did what, newest first. Who belongs to a centre sees the entries of that centre."""
    return _trail(request, site, who, {"centre": centre.strip(), "case": case.strip()}, before)


@router.post("/trail/verify", responses={200: {"model": Verification}}, openapi_extra=takes())
def verify(request: Request, site: Here, who: Annotated[Person, who_may("keep_store")]) -> Response:
    """Hold the whole store against its chain, and the chain against the heads in the data folder. Files of studies are looked through by the command alone."""
    found = verify_store(site.store, who, files=False)
    content = Verification(
        entries=found.entries, rows=found.rows, heads=found.heads, faults=found.faults, notes=found.notes
    )
    return page(request, "verified.html", content=content)


def _among(entry: Entry) -> int | None:
    count = (entry.detail or {}).get("cases")
    return count if entry.case is None and isinstance(count, int) else None


def _trail(request: Request, site: Site, who: Person, asked: dict[str, str], before: int | None) -> Response:
    found = read_trail(
        site.store,
        who,
        centre=asked["centre"] or None,
        case=asked["case"] or None,
        before=before,
        limit=PER_PAGE + 1,
    )
    lines = tuple(
        TrailLine(
            seq=seq,
            at=entry.at,
            actor=entry.actor,
            action=entry.action,
            centre=entry.centre,
            case=entry.case,
            among=_among(entry),
            detail=json.dumps(entry.detail, ensure_ascii=False) if entry.detail else "",
        )
        for seq, entry in found[:PER_PAGE]
    )
    content = Trail(entries=lines, older=lines[-1].seq if len(found) > PER_PAGE else None)
    return page(
        request,
        "trail.html",
        content=content,
        asked=asked,
        first=before is None,
        many_centres=who.centre is None,
        may_verify=who.may("keep_store"),
    )
