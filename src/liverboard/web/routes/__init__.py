"""One module a room of the site."""

from __future__ import annotations

from liverboard.web.routes import agenda, discussion, meetings, cases, events, help, new_case, people, sign_in, what_if

EVERY = (
    sign_in.router,
    agenda.router,
    meetings.router,
    discussion.router,
    people.router,
    help.router,
    new_case.router,
    events.router,
    what_if.router,
    cases.router,
)  # `cases` last: its pages of a case take any name
