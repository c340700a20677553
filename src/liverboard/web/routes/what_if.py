"""What if: change facts and see which verdicts move. Nothing is kept."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from fastapi import APIRouter, Request
from fastapi.responses import Response

from liverboard.clinical.dictionary import load_dictionary
from liverboard.clinical.extent import Frozen
from liverboard.errors import BadInput
from liverboard.report.words import fact_words
from liverboard.web.drafts import errors_of
from liverboard.web.form_data import FormPage, inputs_of
from liverboard.web.gate import Form, Here
from liverboard.web.images import Unread
from liverboard.web.moves import Effect, effect
from liverboard.web.opened import Opened, OpenedCase
from liverboard.web.pages import page
from liverboard.web.prepared import Weighed, measured, weighed
from liverboard.web.suppose import Supposed, inputs, suppose

router = APIRouter(tags=["what if"])


class WhatIf(Frozen):
    """The facts that were supposed, and what moves."""

    as_of: dt.date
    supposed: dict[str, str]
    effect: Effect


class WhatIfForm(Frozen):
    """Every fact that can be supposed otherwise. `now`: as it is, in words. `unread`: the scans that this does without."""

    as_of: dt.date
    form: FormPage
    now: dict[str, str]
    unread: Unread | None


@router.get("/cases/{centre}/{case}/what-if", responses={200: {"model": WhatIfForm}})
def what_if(request: Request, site: Here, opened: Opened) -> Response:
    """Every fact with its value, open to be supposed otherwise."""
    return _shown(request, opened, weighed(site, opened.stored, opened.day), {}, None)


@router.post("/cases/{centre}/{case}/what-if", responses={200: {"model": WhatIf}})
def supposed(request: Request, site: Here, opened: Opened, form: Form) -> Response:
    """Fields are named as facts; what is left empty stays as it is. Nothing is kept."""
    typed = {name: form.get(name, "").strip() for name in load_dictionary() if form.get(name, "").strip()}
    units = {name: form.get(f"{name}|unit", "") for name in typed}
    stored = opened.stored
    now = weighed(site, stored, opened.day)
    case, unread = measured(site, stored, stored.case, opened.day)
    now = replace(now, unread=now.unread or unread)
    try:
        found = suppose(case, opened.day, typed, units)
    except BadInput as error:
        return _shown(request, opened, now, form, None, error)
    return _shown(request, opened, now, form, found)


def _shown(
    request: Request,
    opened: OpenedCase,
    now: Weighed,
    typed: dict[str, str],
    found: Supposed | None,
    error: BadInput | None = None,
) -> Response:
    moved = None if found is None or not found.changed else effect(now, found.weighed)
    groups = inputs([each.fact for each in now.missing])
    values = {name: fact_words(fact.value, fact.unit) for name, fact in now.facts.facts.items()}
    if moved is not None and found is not None:
        content = WhatIf(as_of=opened.day, supposed=dict(found.changed), effect=moved)
    else:
        form = FormPage(sent_to=f"{opened.path}/what-if", inputs=inputs_of(groups, typed))
        content = WhatIfForm(as_of=opened.day, form=form, now=values, unread=now.unread)
    fragment = request.headers.get("hx-request") == "true"
    return page(
        request,
        "what_if_moves.html" if fragment else "what_if.html",
        200 if error is None or fragment else 400,  # htmx leaves a page as it is when it is told of a failure
        content=content,
        opened=opened,
        stored=opened.stored,
        tab="what-if",
        groups=groups,
        opened_groups={group.label for group in groups if any(typed.get(field.name) for field in group.fields)},
        now=values,
        typed=typed,
        moved=moved,
        unread=now.unread,
        error=error,
        errors=errors_of(error),
    )
