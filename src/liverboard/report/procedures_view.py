"""What the procedures page of a dossier shows, in words: how completely each is recorded, planned beside done, and the sessions to discuss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from liverboard.board.dossier import Dossier
from liverboard.board.plan_and_done import PlanAndDone
from liverboard.board.procedure_checklists import Completeness
from liverboard.board.procedures import CaseProcedures, PlanProposal, ProcedureRow
from liverboard.clinical.coded_words import words
from liverboard.knowledge import load_references
from liverboard.report.cited import Cited, SourceMark
from liverboard.report.response_view import in_words, source_of
from liverboard.report.table import Table
from liverboard.report.words import NOT_KNOWN, clean, counted, day, number, quantity

_RULES = {"stop": ("excluded", "stops"), "warn": ("caution", "warns"), "ask": ("cannot_tell", "hangs on what is not known")}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SequenceLine:
    """A rule that bears on the sessions. `sign`: as for verdicts; `needs`: what it hangs on."""

    sign: str
    state: str
    says: str
    needs: str
    sources: tuple[SourceMark, ...]


@dataclass(frozen=True, slots=True)
class Told:
    says: str
    sources: tuple[SourceMark, ...]


@dataclass(frozen=True, slots=True)
class PlanView:
    """The staged plan: a proposal to discuss. `checks`: what to look at between sessions; `published`: what series did; `own`: the centre's past intervals."""

    title: str
    rules: tuple[SequenceLine, ...]
    sessions: Table | None
    because: tuple[str, ...]
    open: tuple[str, ...]
    checks: tuple[Told, ...]
    published: tuple[Told, ...]
    own: str


@dataclass(frozen=True, slots=True)
class ProceduresView:
    """`nothing`: why there is no page; else empty. `missing`: by procedure, what is required and not stated; `wanted`: counts, then what else could be stated."""

    nothing: str
    finding: str
    done: Table | None
    missing: tuple[tuple[str, str], ...]
    wanted: tuple[tuple[str, str, str], ...]
    plans: tuple[tuple[str, Table | None, str], ...]
    plan: PlanView | None
    lacking: tuple[str, ...]
    problems: tuple[str, ...]


def procedures_view(dossier: Dossier, cited: Cited) -> ProceduresView | None:
    """None: the dossier was made without this section."""
    found = dossier.procedures
    if found is None:
        return None
    nothing = ""
    if not found.procedures and not found.plans and found.proposal is None:
        nothing = f"Procedures: none recorded, and {found.proposal_none_because or 'none is planned'}."
    told = {each.event: each for each in found.completeness}
    lacking = [] if found.proposal is not None or nothing else [f"Sessions to discuss: {found.proposal_none_because}."]
    return ProceduresView(
        nothing=clean(in_words(nothing)),
        finding=clean(_finding(found)),
        done=_done(found.procedures, told),
        missing=tuple(_named(each) for each in found.completeness if each.missing_required),
        wanted=tuple(_wanted(each) for each in found.completeness),
        plans=tuple(_plan_and_done(each) for each in found.plans),
        plan=None if found.proposal is None else _plan(found.proposal, dossier, cited),
        lacking=tuple(clean(in_words(text)) for text in lacking),
        problems=tuple(clean(in_words(text)) for text in found.problems),
    )


def _finding(found: CaseProcedures) -> str:
    required = sum(each.required for each in found.completeness)
    stated = sum(each.required_stated for each in found.completeness)
    parts = [counted(len(found.procedures), "procedure")]
    if required:
        parts.append(f"{stated} of {required} required items stated")
    plan = found.proposal
    if plan is not None and any(rule.word == "stop" for rule in plan.rules):
        parts.append(f"{words(plan.technique)}: a rule stops further sessions")
    elif plan is not None and plan.plan.sessions:
        parts.append(f"{words(plan.technique)}: {counted(len(plan.plan.sessions), 'session')} to discuss")
    return "; ".join(parts)


def _done(rows: Sequence[ProcedureRow], told: dict[str, Completeness]) -> Table | None:
    if not rows:
        return None
    return Table(
        "Every procedure",
        ("Date", "Procedure", "Where", "What was given", "End point", "After the one before", "Required stated"),
        tuple(
            (
                day(row.date),
                words(row.technique) + (f", session {row.session}" if row.session else ""),
                _where(row),
                _given(row),
                clean(row.end_point or "–"),
                "–" if row.interval_days is None else counted(row.interval_days, "day") + ("" if row.interval_kind in {None, "unknown"} else f", {row.interval_kind}"),
                "nothing asked" if row.event not in told else f"{told[row.event].required_stated} of {told[row.event].required}",
            )
            for row in rows
        ),
        note="What is not stated is unknown, never no. Intervals: to the session before of its family in this patient.",
        events=tuple(row.event for row in rows),
    )  # fmt: skip


def _where(row: ProcedureRow) -> str:
    parts = [f"S{', S'.join(str(each) for each in row.segments)}" if row.segments else "", row.selectivity or ""]
    return clean(", ".join(part.replace("_", " ") for part in parts if part) or "–")


def _given(row: ProcedureRow) -> str:
    parts = [
        row.regimen or "",
        "" if row.activity_gbq is None else quantity(row.activity_gbq, "GBq")
        + ("" if row.planned_activity_gbq is None else f" of {quantity(row.planned_activity_gbq, 'GBq')} planned"),
    ]  # fmt: skip
    return clean("; ".join(part for part in parts if part) or "–")


def _named(each: Completeness) -> tuple[str, str]:
    return f"{words(each.technique)}, {day(each.date)}", clean("; ".join(each.missing_required))


def _wanted(each: Completeness) -> tuple[str, str, str]:
    scores = [
        f"{s.points} of {s.of} points of the published checklist ({_short(s.checklist)})"
        + (f", {s.not_due} not due yet" if s.not_due else "")
        for s in each.scores
    ]
    items = [item.asks for item in each.items if item.need == "wanted" and item.state == "missing" and item.points is None]  # fmt: skip
    said = [f"{each.wanted_stated} of {each.wanted} wanted items stated", *scores]
    return f"{words(each.technique)}, {day(each.date)}", clean("; ".join(said)), clean("; ".join(items))


def _short(key: str) -> str:
    reference = load_references().get(key)
    return key if reference is None else reference.citation.split(". ")[0]


def _plan_and_done(each: PlanAndDone) -> tuple[str, Table | None, str]:
    title = f"{words(each.technique)}, planned on {day(each.date)}: " + (
        "not done" if each.done is None else f"done on {day(each.done_on)}"
    )
    table = None
    if each.differences:
        rows = tuple(
            (clean(_key(d.what)), clean(d.planned), clean(d.done), "–" if d.percent is None else f"{d.percent:+.0f}".replace("-", "−"))
            for d in each.differences
        )  # fmt: skip
        table = Table("Done otherwise than planned", ("What", "Planned", "Done", "Change, %"), rows, numbers=(3,))
    notes = [
        f"as planned: {', '.join(_key(name) for name in each.same)}" if each.same else "",
        f"planned and not stated of the procedure: {', '.join(_key(name) for name in each.not_told)}"
        if each.not_told
        else "",
    ]
    return clean(title), table, clean("; ".join(note for note in notes if note))


def _key(name: str) -> str:
    return name.removeprefix("details.").replace("_", " ").replace(".", ", ")


def _plan(proposal: PlanProposal, dossier: Dossier, cited: Cited) -> PlanView:
    plan = proposal.plan
    own = proposal.own
    return PlanView(
        title=clean(in_words(f"{words(proposal.technique)}, {proposal.chosen_because}")),
        rules=tuple(
            SequenceLine(
                *_RULES[rule.word],
                clean(rule.says),
                clean(", ".join(_label(dossier, name) for name in rule.needs)),
                cited.marks([source_of(key) for key in rule.sources if key in load_references()]),
            )
            for rule in sorted(proposal.rules, key=lambda rule: list(_RULES).index(rule.word))
        ),
        sessions=_sessions(proposal),
        because=tuple(clean(text) for text in (*plan.because, plan.interval_says) if text),
        open=tuple(clean(text) for text in plan.open),
        checks=tuple(_told(f"{c.what}. {c.says}", c.source, cited) for c in plan.checks),
        published=tuple(_told(p.says, p.source, cited) for p in proposal.published),
        own=""
        if own is None
        else f"This centre's own staged intervals: median {own.median_days:g} days, {own.range_days[0]} to {own.range_days[1]} ({own.n} of {counted(own.patients, 'patient')}).",
    )


def _sessions(proposal: PlanProposal) -> Table | None:
    if not proposal.plan.sessions:
        return None
    return Table(
        "Sessions, in the order proposed",
        ("Session", "Territory", "Segments", "Lesions", "Tumour", "Share", "After the one before"),
        tuple(
            (
                f"{s.number}",
                clean(s.territory),
                ", ".join(f"S{each}" for each in s.segments),
                clean(", ".join(s.lesions)) or "–",
                NOT_KNOWN if s.tumour_ml is None else quantity(s.tumour_ml, "mL"),
                NOT_KNOWN if s.share_percent is None else quantity(s.share_percent, "%"),
                "–" if s.after_days is None else f"about {number(s.after_days, 'day')} days",
            )
            for s in proposal.plan.sessions
        ),
        note="A proposal to discuss: it decides nothing.",
        numbers=(4, 5),
    )


def _told(says: str, source: str, cited: Cited) -> Told:
    return Told(clean(says), cited.marks([source_of(source)]))


def _label(dossier: Dossier, name: str) -> str:
    fact = dossier.facts.get(name)
    return fact.label if fact is not None else name.replace("_", " ")
