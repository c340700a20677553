"""What the first page of a case needs, loaded before someone asks for it: rules, facts, evidence, templates and words of other languages take seconds."""

from __future__ import annotations

import gc
from functools import partial

from liverboard.board.load import open_case, sample_names
from liverboard.board.prepare import prepare_dossier
from liverboard.incidents import keep_incident
from liverboard.report.html import dossier_css, render_sections
from liverboard.web.tongue import LANGUAGES, say, say_page


def warm_up() -> None:
    """Make the dossier of every bundled sample in every language, without its images, and throw it away. What goes wrong here is told on the page that needs it."""
    try:
        for name in sample_names():
            case = open_case(None, sample=name).case
            day = max(event.date for event in case.events)
            dossier = prepare_dossier(case, folder=None, as_of=day)
            for language in LANGUAGES:
                say_page(language, render_sections(dossier, say=partial(say, language)))
        dossier_css()
    except KeyboardInterrupt:  # polars says Ctrl-C in whichever thread it works
        return
    except Exception as error:
        keep_incident(error)
    settle()


def settle() -> None:
    """Spare the garbage collector what is there to stay: looking through it again and again stopped every page for up to half a second. What pages leave behind it
    looks through more rarely: each whole look stopped them for up to 0.1 s, 26 times in 200 pages."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 50)
