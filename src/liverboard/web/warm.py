"""What the first page of a case needs, loaded before someone asks for it: rules, facts, evidence and templates take seconds."""

from __future__ import annotations

import gc

from liverboard.board.load import open_case, sample_names
from liverboard.board.prepare import prepare_dossier
from liverboard.incidents import keep_incident
from liverboard.report.html import dossier_css, render_sections


def warm_up() -> None:
    """Make the dossier of every bundled sample, without its images, and throw it away. What goes wrong here is told on the page that needs it."""
    try:
        for name in sample_names():
            case = open_case(None, sample=name).case
            day = max(event.date for event in case.events)
            render_sections(prepare_dossier(case, folder=None, as_of=day), None)
        dossier_css()
    except KeyboardInterrupt:  # polars says Ctrl-C in whichever thread it works
        return
    except Exception as error:
        keep_incident(error)
    settle()


def settle() -> None:
    """Spare the garbage collector what is there to stay: looking through it again and again stopped every page for up to half a second."""
    gc.collect()
    gc.freeze()
