"""A case added in one short form: pseudonym, the question to the board, and the first events."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from liverboard.clinical.case_file import read_case
from liverboard.clinical.events import Case
from liverboard.errors import BadInput, Problem
from liverboard.registry.cases import CaseKey, add_case
from liverboard.registry.identity import pseudonym_of, refuse_identifiers
from liverboard.web.drafts import Placed, in_words_of_a_form
from liverboard.web.form_data import FormPage, Input, inputs_of, plain
from liverboard.web.forms import Field, Group, groups_of, tree_of
from liverboard.web.gate import Form, Here, Person, who_may
from liverboard.web.notices import Notice, on_to
from liverboard.web.opened import case_path
from liverboard.web.pages import page
from liverboard.web.routes.events import header_of

router = APIRouter(tags=["cases"])
Editor = Annotated[Person, who_may("edit_cases")]
_SEX = ("female", "male", "other")
# What a coordinator has at hand when a patient is announced; everything else has its own form afterwards.
_FIRST = {
    "diagnosis": ("primary_site", "differentiation", "ki67"),
    "systemic": ("drug",),
    "imaging": ("modality", "extrahepatic.extent", "liver_volume", "tumour_volume"),
    "clinic": ("ecog", "syndrome"),
    "labs": ("bilirubin", "albumin", "chromogranin_a.value", "chromogranin_a.unit", "chromogranin_a.upper_limit"),
}


def first_events() -> dict[str, Group]:
    """The inputs of the first event of each kind, in the order above."""
    found: dict[str, Group] = {}
    for kind, names in _FIRST.items():
        fields = {field.name: _named(group, field) for group in groups_of(kind) for field in group.fields}
        found[kind] = Group(kind, tuple(fields[name] for name in names))
    return found


def _named(group: Group, field: Field) -> Field:
    """Away from its group, an input says what it belongs to."""
    return (
        replace(field, label=f"{group.label}: {field.label}")
        if field.label in {"value", "unit", "upper limit"}
        else field
    )


@router.get("/cases/new", responses={200: {"model": FormPage}})
def new_case(request: Request, who: Editor) -> Response:
    """The form of a new case."""
    return _form(request, who, {}, None)


@router.post("/cases/new")
def keep_case(request: Request, site: Here, who: Editor, form: Form) -> Response:
    """Add the case. `local_number` makes the pseudonym under the centre's key and is not kept."""
    typed = dict(form)
    try:
        centre = who.centre or form.get("centre", "").strip() or site.store.folder.centre
        who.require("edit_cases", centre)
        number = typed.pop("local_number", "").strip()
        if number:
            typed["pseudonym"] = pseudonym_of(site.store.folder.centre_key(centre), number)
        problems = [
            Problem("say when this was", field=f"{kind}.date")
            for kind in _FIRST
            if tree_of(kind, _of(kind, typed)) and not typed.get(f"{kind}.date", "").strip()
        ]
        if not typed.get("pseudonym", "").strip():
            problems.append(Problem("give a pseudonym, or a local number to make it of", field="pseudonym"))
        if problems:
            raise BadInput("something is missing", problems=problems)
        case = _read(_tree(typed))
        refuse_identifiers(case, where="the case")
        with site.store.transaction(who) as tx:
            add_case(tx, centre, case)
    except BadInput as error:
        return _form(request, who, typed, error)
    return on_to(case_path(CaseKey(centre, case.case)), Notice.CASE_ADDED)


def _read(tree: dict[str, Any]) -> Case:
    try:
        return read_case(json.dumps(tree), where="the case", is_json=True)
    except BadInput as error:
        raise BadInput("the case cannot be kept as it is", problems=error.problems, hint="Put it right below; what you typed is kept.") from None  # fmt: skip


def _of(kind: str, typed: dict[str, str]) -> dict[str, str]:
    return {name.removeprefix(f"{kind}."): value for name, value in typed.items() if name.startswith(f"{kind}.")}


def _tree(typed: dict[str, str]) -> dict[str, Any]:
    header = header_of({name: typed.get(name, "").strip() for name in ("sex", "birth_year", "question")})
    events = [
        {"kind": kind, "date": typed[f"{kind}.date"].strip(), "id": f"{kind}-first", **tree_of(kind, _of(kind, typed))}
        for kind in _FIRST
        if typed.get(f"{kind}.date", "").strip()
    ]
    stated = {name: value for name, value in header.items() if value is not None}
    return {"liverboard": 1, "case": typed["pseudonym"].strip(), **stated, "events": events}


def _form(request: Request, who: Person, typed: dict[str, str], error: BadInput | None) -> Response:
    first = first_events()
    placed = _placed(error, first)
    return page(
        request,
        "case_new.html",
        200 if error is None else 400,
        content=FormPage(sent_to="/cases/new", inputs=_inputs(who, typed, first)),
        typed=typed,
        error=error,
        placed=placed,
        errors={each.input: each.problem for each in reversed(placed)},
        first=first,
        sexes=_SEX,
        ask_centre=who.centre is None,
    )


def _placed(error: BadInput | None, first: dict[str, Group]) -> tuple[Placed, ...]:
    """The problems, each with the input that it is of."""
    labels = {"pseudonym": ("", "case"), "sex": ("", "sex"), "birth_year": ("", "birth year"), "question": ("", "question")}  # fmt: skip
    for kind, group in first.items():
        labels |= {f"{kind}.{name}": (kind, label) for name, label in [("date", "date"), *((f.name, f.label) for f in group.fields)]}  # fmt: skip
    found: list[Placed] = []
    for each in error.problems if error is not None else ():
        kind = (each.event or "").removesuffix("-first")
        place = f"{kind}.{each.field}" if kind in _FIRST else (each.field or "")
        name = {"case": "pseudonym"}.get(place, place)
        group, label = labels.get(name, ("", ""))
        bare = in_words_of_a_form(replace(each, field=None if label else each.field))
        found.append(Placed(bare, name if label else "", group, 0, label))
    return tuple(found)


def _inputs(who: Person, typed: dict[str, str], first: dict[str, Group]) -> tuple[Input, ...]:
    centre = plain({"centre": "text"}, typed) if who.centre is None else ()
    head = plain({"pseudonym": "text", "local_number": "text", "sex": _SEX, "birth_year": "whole", "question": "long"}, typed)  # fmt: skip
    events = [
        (*plain({f"{kind}.date": "date"}, typed), *inputs_of([group], typed, f"{kind}."))
        for kind, group in first.items()
    ]
    return (*centre, *head, *(each for inputs in events for each in inputs))
