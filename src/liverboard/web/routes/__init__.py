"""One module a room of the site."""

from __future__ import annotations

from fastapi.routing import APIRoute

from liverboard.web.form_data import takes
from liverboard.web.routes import (
    agenda,
    cases,
    cohort,
    discussion,
    events,
    manual,
    meetings,
    new_case,
    people,
    sign_in,
    studies,
    viewer,
    what_if,
    withdrawal,
)

EVERY = (
    sign_in.router,
    agenda.router,
    meetings.router,
    discussion.router,
    cohort.router,
    people.router,
    manual.router,
    new_case.router,
    events.router,
    withdrawal.router,
    what_if.router,
    studies.router,
    viewer.router,
    cases.router,
)  # `cases` last: its pages of a case take any name

for _route in (each for router in EVERY for each in router.routes):
    if isinstance(_route, APIRoute) and "POST" in (_route.methods or ()) and _route.openapi_extra is None:
        _route.openapi_extra = takes(more=True)  # a form that is made of the fact dictionary
