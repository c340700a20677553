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
from liverboard.report.words import Say, as_is, clean, counted, day

_WORDS = (
    "SYNTHETIC", "Draft", "page", "Specialty", "Present", "Nobody wrote down who was there.", "nothing is chosen",
    "Considered", "Verdict", "What decides it", "Action", "Who", "Due",
)  # fmt: skip
"""What the template says of its own."""


def render_minutes_pdf(minutes: MeetingMinutes, language: str = "en", say: Say = as_is) -> bytes:
    """The same minutes give the same bytes. Works offline and reads nothing outside its own folder.

    `language`: of the reader, such as `fr`; `say`: puts our sentences into it. What a person wrote stays as it is.
    """
    import typst

    report = files("liverboard.report")
    with tempfile.TemporaryDirectory(prefix="liverboard-") as name, as_file(report / "fonts") as fonts:
        root = Path(name)
        (root / "data.json").write_text(json.dumps(_data(minutes, language, say), ensure_ascii=False), encoding="utf-8")
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


def _data(minutes: MeetingMinutes, language: str, say: Say) -> dict[str, object]:
    return {
        "language": language,
        "words": {word: say(word) for word in _WORDS},
        "about": say(f"minutes of {day(minutes.date)}"),
        "title": clean(minutes.title),
        "centre": clean(minutes.centre),
        "date": say(day(minutes.date)),
        "day": [minutes.date.year, minutes.date.month, minutes.date.day],
        "state": say(state_line(minutes)),
        "draft": not minutes.held or minutes.signed < len(minutes.cases),
        "synthetic": minutes.synthetic,
        "present": [[clean(say(each.specialty)), clean(", ".join(each.people))] for each in minutes.attendance],
        "cases": [_case(number, each, say, _there(minutes, each, say)) for number, each in enumerate(minutes.cases, 1)],
        "colours": LIGHT,
        "statement": say(minutes.statement),
        "versions": say(f"liverboard {__version__}, knowledge {knowledge_version()}"),
    }


def _there(minutes: MeetingMinutes, case: CaseMinutes, say: Say) -> str:
    """Who was there when the decision of a case was signed, if not those whom the list of the meeting names now."""
    present = case.present if case.present and minutes.others_were_there(case) else ()
    return ", ".join(f"{say(each.specialty)} ({', '.join(each.people)})" for each in present)


def _case(number: int, case: CaseMinutes, say: Say, there: str) -> dict[str, object]:
    deviation = clean(case.deviation or "")
    if case.unexplained:
        deviation = say("the choice departs from the rules, and no reason is written")
    said = [("Reason", case.reason), ("Deviation from the rules", deviation), ("Dissent", case.dissent)]
    seen_again = None if case.follow_up_on is None else say(day(case.follow_up_on))
    if case.unread and (case.chosen is not None or case.considered):
        said.append(
            ("Verdict", say("images of the case are not read yet: verdicts do without them, and may still move"))
        )
    signature = "no decision was taken" if case.empty else f"draft by {case.written_by}, not signed"
    if case.signed is not None:
        signature = f"signed by {case.signed_by}, {day(case.signed.date())}, {case.signed:%H:%M} UTC"
    return {
        "number": str(number),
        "case": clean(case.case),
        "who": clean(say(case.who)),
        "synthetic": case.synthetic,
        "question": clean(case.question or ""),
        "as_of": say(f"as of {day(case.as_of)}" + ("" if case.rules is None else f" · rules {clean(case.rules)}")),
        "chosen": None if case.chosen is None else _choice(case.chosen, say),
        "considered": [_choice(each, say) for each in case.considered],
        "said": [
            [say(title), clean(text)]
            for title, text in (*said, ("Seen again", seen_again), ("There when signed", there))
            if text
        ],
        "actions": [
            [clean(a.what), clean(a.owner or ""), "" if a.due is None else say(day(a.due))] for a in case.actions
        ],
        "empty": case.empty,
        "signature": clean(say(signature)),
        "signed": case.signed is not None,
    }


def _choice(choice: Choice, say: Say) -> dict[str, object]:
    return {
        "name": clean(say(choice.name)),
        "verdict": choice.verdict or "",
        "word": say(choice.word),
        "because": clean(say(choice.why)),
    }
