"""An audit as one self-contained HTML file: verdicts by option, decisions beside the rules, missing facts, thresholds. Each plot has its table."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from liverboard.clinical.events import Option
from liverboard.options.audit_report import AuditReport, Move, Verdicts
from liverboard.options.verdict import VERDICTS, Verdict
from liverboard.options.words import EFFECT_WORDS, SIGNS, VERDICT_WORDS, option_words
from liverboard.report.audit_figures import Bar, MovedBar, move_bars_svg, share_bars_svg, verdict_bars_svg
from liverboard.report.palette import DARK, LIGHT, WEB, css_variables
from liverboard.report.words import THIN, clean, number, unit_words
from liverboard.synthesis.disclosure import Below, Count

NOT_POSSIBLE: Final = "·"  # no rule of the option gives this verdict
_WIDE, _NARROW = 1104, 358
_OPEN_FOR_PRINT: Final = (
    'addEventListener("beforeprint",function(){document.querySelectorAll("details").forEach(function(d){d.open=true})})'
)
_FACTS, _AGAINST, _MOVES, _TRANSITIONS = 15, 20, 15, 40


def count_words(count: Count) -> str:
    """A count as it is written: thin spaces between thousands; what is hidden says how."""
    if isinstance(count, int):
        return f"{count:,}".replace(",", THIN)
    return f"<{THIN}{count.below}" if isinstance(count, Below) else "withheld"


def percent(count: Count, of: Count) -> str:
    if not isinstance(count, int) or not count or not isinstance(of, int) or not of:
        return ""
    return f"{number(100 * count / of, '%')}{THIN}%"


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    share: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table of verdicts."""

    name: str
    cases: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold moved down or up, as its table shows it."""

    rule: str
    effect: str
    options: str
    written: str
    moved_to: str
    cases: str
    changes: tuple[str, ...]
    asked: bool


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure in its two widths."""

    wide: object
    narrow: object


def render_audit(report: AuditReport) -> str:
    """The audit as the text of one HTML file."""
    from jinja2 import DictLoader, Environment, StrictUndefined
    from markupsafe import Markup

    def drawn(wide: str, narrow: str) -> Drawing:
        return Drawing(Markup(wide), Markup(narrow))  # noqa: S704  (our own pictures; each escapes the text that it takes in)

    def bars(of: Sequence[Bar], prefix: str, title: str) -> Drawing:
        return drawn(
            verdict_bars_svg(of, WEB, width=_WIDE, prefix=prefix, title=title),
            verdict_bars_svg(of, WEB, width=_NARROW, prefix=f"{prefix}-narrow", title=title),
        )

    told = report.concordance
    options = [Bar(option_words(each.option), report.cases, each.verdicts) for each in report.options]
    chosen: list[Bar] = []
    if told is not None:
        chosen = [Bar("All decisions", told.cases, told.verdicts)]
        chosen += [
            Bar(option_words(each.option), each.cases, each.verdicts) for each in told.options if each.cases != 0
        ]
    facts = [(each.label, each.cases) for each in report.missing[:_FACTS]]
    moved = moved_bars(report)
    environment = Environment(
        loader=DictLoader({"page": _template("audit.html.jinja")}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = (
        f":root{{{css_variables(LIGHT)}}}@media screen and (prefers-color-scheme:dark){{:root{{{css_variables(DARK)}}}}}"
        + _template("dossier.css")
        + _template("audit.css")
    )
    missing_title = "Facts missing most often where an option cannot be told, cases"
    moved_title = "Cases whose verdict changes when a threshold is moved down or up"
    return environment.get_template(
        "page"
    ).render(
        r=report,
        cases=count_words(report.cases),
        source=clean(report.source or ""),
        style=Markup(style),  # noqa: S704  (our own)
        script=Markup(_OPEN_FOR_PRINT),  # noqa: S704  (our own)
        digest=base64.b64encode(hashlib.sha256(_OPEN_FOR_PRINT.encode()).digest()).decode(),
        signs=[(verdict, SIGNS[verdict], VERDICT_WORDS[verdict]) for verdict in VERDICTS],
        rows=[table_row(bar) for bar in options],
        options=bars(options, "options", option_finding(report)),
        option_finding=option_finding(report),
        chosen_rows=[table_row(bar) for bar in chosen],
        chosen=bars(chosen, "chosen", decision_finding(report)),
        decision_finding=decision_finding(report),
        against=[
            (option_words(each.option), EFFECT_WORDS[each.effect], each.because, each.rule, count_words(each.cases))
            for each in (told.against if told else ())[:_AGAINST]
        ],
        more_against=max(len(told.against if told else ()) - _AGAINST, 0),
        missing=[
            (
                each.label,
                count_words(each.cases),
                percent(each.cases, report.cases),
                each.who,
                options_words(each.options),
            )
            for each in report.missing
        ],
        facts=drawn(
            share_bars_svg(facts, report.cases, WEB, width=_WIDE, prefix="missing", title=missing_title),
            share_bars_svg(facts, report.cases, WEB, width=_NARROW, prefix="missing-narrow", title=missing_title),
        ),
        moves=drawn(
            move_bars_svg(moved, WEB, width=_WIDE, prefix="moves", title=moved_title),
            move_bars_svg(moved, WEB, width=_NARROW, prefix="moves-narrow", title=moved_title),
        ),
        looked_at=count_words(report.thresholds.cases),
        all_looked_at=report.thresholds.cases == report.cases,
        thresholds=[threshold(move) for move in ordered_moves(report)[:_TRANSITIONS]],
        more_thresholds=max(len(report.thresholds.moves) - _TRANSITIONS, 0),
        notes=[clean(note) for note in report.notes],
    )


def _template(name: str) -> str:
    return (files("liverboard.report") / "templates" / name).read_text(encoding="utf-8")


def table_row(bar: Bar) -> Row:
    cells = tuple(
        Cell(
            count_words(bar.verdicts[verdict]) if verdict in bar.verdicts else NOT_POSSIBLE,
            percent(bar.verdicts[verdict], bar.cases) if verdict in bar.verdicts else "",
            verdict,
        )
        for verdict in VERDICTS
    )
    return Row(bar.name, count_words(bar.cases), cells)


def option_finding(report: AuditReport) -> str:
    """The option that is most often open."""
    shares = [(open_share(each.verdicts), option_words(each.option)) for each in report.options]
    most = max((share for share, _ in shares if share is not None), default=None)
    if not most or not isinstance(report.cases, int):
        return "No option is known to be open"
    names = [name for share, name in shares if share == most]
    return f"{' and '.join(names[:2])}: most often open (fits, with or without caution), in {percent(most, report.cases)} of the cases"


def open_share(verdicts: Verdicts) -> int | None:
    """Cases in which an option fits, with or without caution; None where a count of it is hidden."""
    counts = [verdicts.get("fits", 0), verdicts.get("caution", 0)]
    return sum(count for count in counts if isinstance(count, int)) if all(isinstance(c, int) for c in counts) else None


def decision_finding(report: AuditReport) -> str:
    told = report.concordance
    if told is None:
        return ""
    fits = open_share(told.verdicts)
    if fits is None:
        return f"What boards chose in {count_words(told.cases)} cases"
    return f"Of {count_words(told.cases)} decisions, the chosen option fits, with or without caution, in {percent(fits, told.cases) or count_words(fits)}"


def options_words(options: Mapping[Option, Count]) -> str:
    """The options that hang on a fact, most cases first."""
    counted = [(count, str(option)) for option, count in options.items() if isinstance(count, int)]
    return ", ".join(f"{option_words(name)} {count_words(count)}" for count, name in sorted(counted, reverse=True)[:4])


def ordered_moves(report: AuditReport) -> list[Move]:
    """What was asked for first, then what moves most; what moves nothing is left out."""
    moves = [move for move in report.thresholds.moves if move.asked or move.cases != 0]
    return sorted(moves, key=lambda move: not move.asked)


def moved_bars(report: AuditReport) -> list[MovedBar]:
    """The thresholds that move most cases, the smaller and the larger value on one line."""
    lines: dict[tuple[str, str], dict[bool, Move]] = {}
    for move in report.thresholds.moves:
        if not move.asked:
            lines.setdefault((move.rule, move.comparison), {}).setdefault(move.moved_to > move.value, move)
    found = [
        MovedBar(move_words(next(iter(sides.values()))), next(iter(sides.values())).rule, *(
            None if side not in sides else (value_words(sides[side], sides[side].moved_to), sides[side].cases) for side in (False, True)
        ))
        for sides in lines.values()
    ]  # fmt: skip
    return [bar for bar in found if bar.most() > 0][:_MOVES]


def move_words(move: Move) -> str:
    sign = next(part for part in move.comparison.split() if part in {"<", "<=", ">", ">="})
    return f"{move.label} {sign.replace('<=', '≤').replace('>=', '≥')} {value_words(move, move.value)}"


def value_words(move: Move, value: float) -> str:
    if move.unit == "fraction":
        return f"{100 * value:.3g}{THIN}%"
    unit = unit_words(move.unit)
    return f"{value:.4g}{THIN}{unit}" if unit else f"{value:.4g}"


def threshold(move: Move) -> Threshold:
    changes = [
        f"{option_words(each.option)}: {VERDICT_WORDS[each.was]} → {VERDICT_WORDS[each.becomes]} {count_words(each.cases)}"
        for each in sorted(move.changes, key=lambda change: -change.cases if isinstance(change.cases, int) else 0)
    ]
    return Threshold(
        move.rule,
        EFFECT_WORDS[move.effect],
        ", ".join(option_words(option) for option in move.options),
        move_words(move),
        value_words(move, move.moved_to),
        count_words(move.cases),
        (*changes[:3], *((f"and {len(changes) - 3} more",) if len(changes) > 3 else ())),
        move.asked,
    )
