"""The minutes of a meeting as PDF. The template reads plain strings from a data file: no text of a case is ever read as markup."""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from importlib.resources import as_file, files
from pathlib import Path

from liverboard import __version__
from liverboard.board.minutes import CaseMinutes, Choice, MeetingMinutes
from liverboard.knowledge import knowledge_version
from liverboard.report.palette import LIGHT
from liverboard.report.words import clean, counted, day


def render_minutes_pdf(minutes: MeetingMinutes) -> bytes:
    """The same minutes give the same bytes. Works offline and reads nothing outside its own folder."""
    import typst

    report = files("liverboard.report")
    with tempfile.TemporaryDirectory(prefix="liverboard-") as name, as_file(report / "fonts") as fonts:
        root = Path(name)
        (root / "data.json").write_text(json.dumps(_data(minutes), ensure_ascii=False), encoding="utf-8")
        template = (report / "templates" / "minutes.typ").read_text(encoding="utf-8")
        (root / "minutes.typ").write_text(template, encoding="utf-8")
        return typst.compile(
            root / "minutes.typ",
            root=root,
            font_paths=[fonts],
            ignore_system_fonts=True,
            format="pdf",
            timestamp=dt.datetime(minutes.date.year, minutes.date.month, minutes.date.day, tzinfo=dt.UTC),
            package_path=root / "no-packages",
            package_cache_path=root / "no-packages",
        )


def state_line(minutes: MeetingMinutes) -> str:
    """Such as `held; 3 of 4 decisions signed`."""
    held = "held" if minutes.held else "not closed, these minutes may still change"
    return f"{held}; {minutes.signed} of {counted(len(minutes.cases), 'decision')} signed"


def _data(minutes: MeetingMinutes) -> dict[str, object]:
    return {
        "title": clean(minutes.title),
        "centre": clean(minutes.centre),
        "date": day(minutes.date),
        "day": [minutes.date.year, minutes.date.month, minutes.date.day],
        "state": state_line(minutes),
        "draft": not minutes.held or minutes.signed < len(minutes.cases),
        "synthetic": minutes.synthetic,
        "present": [[clean(each.specialty), clean(", ".join(each.people))] for each in minutes.attendance],
        "cases": [_case(number, each) for number, each in enumerate(minutes.cases, 1)],
        "colours": LIGHT,
        "statement": minutes.statement,
        "versions": f"liverboard {__version__}, knowledge {knowledge_version()}",
    }


def _case(number: int, case: CaseMinutes) -> dict[str, object]:
    deviation = clean(case.deviation or "")
    if case.unexplained:
        deviation = "the choice departs from the rules, and no reason is written"
    said = [("Reason", case.reason), ("Deviation from the rules", deviation), ("Dissent", case.dissent)]
    seen_again = None if case.follow_up_on is None else day(case.follow_up_on)
    signature = "no decision was taken" if case.empty else f"draft by {case.written_by}, not signed"
    if case.signed is not None:
        signature = f"signed by {case.signed_by}, {day(case.signed.date())}, {case.signed:%H:%M} UTC"
    return {
        "number": str(number),
        "case": clean(case.case),
        "who": clean(case.who),
        "synthetic": case.synthetic,
        "question": clean(case.question or ""),
        "as_of": day(case.as_of) + ("" if case.rules is None else f" · rules {clean(case.rules)}"),
        "chosen": None if case.chosen is None else _choice(case.chosen),
        "considered": [_choice(each) for each in case.considered],
        "said": [[title, clean(text)] for title, text in (*said, ("Seen again", seen_again)) if text],
        "actions": [[clean(a.what), clean(a.owner or ""), "" if a.due is None else day(a.due)] for a in case.actions],
        "empty": case.empty,
        "signature": clean(signature),
        "signed": case.signed is not None,
    }


def _choice(choice: Choice) -> dict[str, object]:
    return {
        "name": clean(choice.name),
        "verdict": choice.verdict or "",
        "word": choice.word,
        "because": clean(choice.why),
    }
