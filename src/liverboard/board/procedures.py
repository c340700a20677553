"""The procedures of one case: how complete they are recorded, what was planned and done, and a staged plan for what comes next with the rules that bear on it."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from liverboard.board.measured import quiet
from liverboard.board.plan_and_done import PlanAndDone, plans_and_done
from liverboard.board.procedure_checklists import Completeness, completeness, values_at
from liverboard.board.with_images import measured_as_of
from liverboard.clinical.coded_words import words
from liverboard.clinical.derive import Value
from liverboard.clinical.derive_timeline import visible_events
from liverboard.clinical.events import AnyEvent, Board, Case, Diagnosis, Imaging, Plan, Procedure, StatedLesion, Status
from liverboard.clinical.extent import Frozen, Lesion, LiverExtent, SegmentShare
from liverboard.clinical.facts import facts_of
from liverboard.clinical.procedure_details import DrugDose
from liverboard.embolisation.intervals import (
    FAMILY_OF,
    DoneSession,
    IntervalSummary,
    SessionInterval,
    intervals_of,
    summarise,
)
from liverboard.embolisation.staging import Published, StagedPlan, published_for, staged_plan
from liverboard.embolisation.territory import Loads, territory_loads
from liverboard.errors import BadInput
from liverboard.options.policy import Ruleset
from liverboard.options.weigh import weigh_case

ARTERIAL = frozenset(name for name, family in FAMILY_OF.items() if family in {"embolisation", "sirt"})
FEWEST_OWN_INTERVALS = 3  # a median of fewer is shown and not proposed; a convention of this project
ACTIVITY_APART = 0.05  # share by which a total and the sum of its injections may differ, as they are rounded; a convention of this project
_ALTERS_DUCTS = frozenset({"pancreatoduodenectomy", "biliary_anastomosis", "sphincterotomy"})
_BEARS_ON_SEQUENCE = frozenset({
    "portal_vein", "portal_flow", "thrombus_uptake", "biliary_anastomosis", "biliary_stent", "sphincterotomy", "biliary_obstruction",
    "liver_burden_percent", "prior_sirt", "prior_liver_radiation", "prior_tae", "prior_tace", "prior_debtace", "bilirubin_umol_l", "bilirubin_x_uln",
    "lung_dose_gy", "prior_capecitabine", "days_since_capecitabine", "on_antiangiogenic", "months_since_prrt",
})  # fmt: skip


class ProcedureRow(Frozen):
    """One procedure as rooms are compared by. `end_point`: the words recorded; `stasis`: whether flow ceased. None: not stated.

    `interval_days`: since the session before of its family in this patient. `activity_gbq`: injected. `planned_activity_gbq`: as its plan or details say.
    """

    case: str
    event: str
    date: dt.date
    technique: str
    centre: str | None = None
    room: str | None = None
    session: int | None = None
    segments: tuple[int, ...] | None = None
    selectivity: str | None = None
    regimen: str | None = None
    end_point: str | None = None
    stasis: bool | None = None
    interval_days: int | None = None
    interval_kind: Literal["staged", "repeated", "unknown"] | None = None
    activity_gbq: float | None = None
    planned_activity_gbq: float | None = None
    fluoroscopy_min: float | None = None
    dose_area_product_gy_cm2: float | None = None
    required: int | None = None
    required_stated: int | None = None


class SequenceRule(Frozen):
    """A rule of the option that bears on the order of sessions. `word`: stop (a contraindication holds), warn (a caution holds), ask (it hangs on `needs`)."""

    rule: str
    word: Literal["stop", "warn", "ask"]
    says: str
    needs: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


class PlanProposal(Frozen):
    """The staged plan of one technique with what bears on it. `own`: intervals of the centre's past staged sessions; `published`: what series did."""

    technique: str
    chosen_because: str
    plan: StagedPlan
    loads: Loads
    rules: tuple[SequenceRule, ...]
    own: IntervalSummary | None = None
    own_family: str | None = None
    published: tuple[Published, ...] = ()


class CaseProcedures(Frozen):
    """`proposal` None: no treatment through the artery is planned, chosen or done; `proposal_none_because` says so."""

    case: str
    as_of: dt.date
    procedures: tuple[ProcedureRow, ...]
    completeness: tuple[Completeness, ...]
    intervals: tuple[SessionInterval, ...]
    plans: tuple[PlanAndDone, ...]
    proposal: PlanProposal | None = None
    proposal_none_because: str | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """The day, the rules, the technique to plan (None: what the case says), and the centre's own intervals."""

    as_of: dt.date
    ruleset: Ruleset
    technique: str | None = None
    past: Sequence[SessionInterval] = ()
    known_at: dt.date | dt.datetime | None = None


def procedures_of(case: Case, asked: Asked, *, folder: Path | None = None) -> CaseProcedures:
    """What stands of the procedures of a case on a day. `folder`: where its image paths start. Raises KnowledgeBaseError; UnsupportedImage for its images."""
    measured = measured_as_of(case, folder, asked.as_of, asked.known_at, pictures=False, step=quiet)
    visible = visible_events(measured.case, asked.as_of, asked.known_at)[0]
    rows, told = recorded(measured.case, visible, asked.as_of, asked.known_at)
    technique, because = _technique(visible, asked.technique)
    died = min((event.date for event in visible if isinstance(event, Status) and event.state == "dead"), default=None)
    if died is not None:
        technique, because = None, f"the patient died on {died}"
    proposal = None
    if technique is not None:
        proposal = _proposal(measured.case, visible, measured.extents, technique, because, asked)
    return CaseProcedures(
        case=case.case,
        as_of=asked.as_of,
        procedures=rows,
        completeness=told,
        intervals=intervals_of(sessions_of(case.case, visible)),
        plans=plans_and_done(visible),
        proposal=proposal,
        proposal_none_because=because if proposal is None else None,
        problems=tuple(_problems(visible)),
    )


def recorded(
    case: Case, visible: Sequence[AnyEvent], as_of: dt.date, known_at: dt.date | dt.datetime | None = None
) -> tuple[tuple[ProcedureRow, ...], tuple[Completeness, ...]]:
    """The procedures seen on a day as rows by date, and the completeness of those of which something is asked."""
    intervals = {each.after: each for each in intervals_of(sessions_of(case.case, visible))}
    planned = {each.done: each.plan for each in plans_and_done(visible) if each.done is not None}
    by_id = {event.id: event for event in visible}
    rows: list[ProcedureRow] = []
    told: list[Completeness] = []
    for event in visible:
        if not isinstance(event, Procedure):
            continue
        facts = facts_of(case, event.date, known_at)
        values: dict[str, Value | None] = {name: facts.value(name) for name in facts.facts}
        carried_out = by_id.get(planned.get(event.id, ""))
        plan = carried_out if isinstance(carried_out, Plan) else None
        complete = completeness(event, visible, values, as_of, plan)
        told += [] if complete is None else [complete]
        rows.append(_row(case, event, intervals.get(event.id), complete, plan))
    return tuple(rows), tuple(told)


def sessions_of(case: str, visible: Sequence[AnyEvent]) -> list[DoneSession]:
    """The sessions of a case, for their intervals."""
    return [
        DoneSession(
            case=case,
            event=event.id,
            date=event.date,
            technique=event.technique,
            number=event.session,
            segments=None if event.territory is None else event.territory.segments,
        )
        for event in visible
        if isinstance(event, Procedure)
    ]


def _first(event: Procedure | Plan | None, *paths: str) -> Any:
    if event is None:
        return None
    return next((value for path in paths for value in values_at(event, path) if value != ()), None)


def _row(
    case: Case, event: Procedure, interval: SessionInterval | None, complete: Completeness | None, plan: Plan | None
) -> ProcedureRow:
    planned = _first(event, "details.planned_activity") or _first(plan, "details.planned_activity")
    return ProcedureRow(
        case=case.case,
        event=event.id,
        date=event.date,
        technique=event.technique,
        centre=_first(event, "details.centre") or case.centre,
        room=_first(event, "details.room"),
        session=event.session,
        segments=_segments(event),
        selectivity=_first(event, "details.selectivity"),
        regimen=regimen(event),
        end_point=_end_point(event),
        stasis=_stasis(event),
        interval_days=None if interval is None else interval.days,
        interval_kind=None if interval is None else interval.kind,
        activity_gbq=_activity(event),
        planned_activity_gbq=planned,
        fluoroscopy_min=_first(event, "details.fluoroscopy_time"),
        dose_area_product_gy_cm2=_first(event, "details.dose_area_product"),
        required=None if complete is None else complete.required,
        required_stated=None if complete is None else complete.required_stated,
    )


def _segments(event: Procedure) -> tuple[int, ...] | None:
    return None if event.territory is None else event.territory.segments


def _activity(event: Procedure) -> float | None:
    """The activity injected, else the sum of the injections."""
    stated = _first(event, "details.injected_activity")
    return _injected(event) if stated is None else stated


def _injected(event: Procedure) -> float | None:
    """The sum of the injections; None where one of them states none."""
    injections = list(values_at(event, "details.injections"))
    parts = list(values_at(event, "details.injections.injected_activity"))
    whole = sum(parts) if parts and injections and len(parts) == len(injections[0]) else math.inf
    return whole if math.isfinite(whole) else None


def _end_point(event: Procedure) -> str | None:
    sace, stasis, flow = (_first(event, f"details.end_point.{name}") for name in ("sace", "stasis", "flow"))
    parts = [
        "" if sace is None else f"SACE {sace}",
        "" if stasis is None else "no stasis" if stasis == "none" else words(stasis),
        "" if flow is None else f"flow {flow}",
    ]
    return ", ".join(part for part in parts if part) or _first(event, "details.end_point.words")


def _stasis(event: Procedure) -> bool | None:
    stasis, flow, sace = (_first(event, f"details.end_point.{name}") for name in ("stasis", "flow", "sace"))
    if stasis is None and flow is None and sace is None:
        injections = list(values_at(event, "details.injections.stasis"))
        return any(injections) if injections else None
    return stasis == "stasis" or flow == "none" or sace == "IV"


def regimen(event: Procedure) -> str | None:
    """What was given, in a few words that two procedures can be grouped by; the word of the room itself where it states one."""
    if (named := _first(event, "details.regimen")) is not None:
        return str(named)
    material = _first(event, "details.particles.material")
    parts: list[str] = []
    if event.technique == "ctace":
        parts += [_drug(drug) for drug in _first(event, "details.drugs") or ()]
        parts += ["lipiodol"] if _first(event, "details.lipiodol") is not None else []
    if event.technique == "debtace":
        parts += [str(_first(event, "details.beads.product") or ""), _sizes(event, "beads")]
        parts += [_drug(drug) for drug in values_at(event, "details.beads.drug")]
    if event.technique in {"tae", "ctace"} and material is not None:
        parts.append(f"{words(material)} {_sizes(event, 'particles')}".strip())
    if event.technique.startswith("sirt_"):
        model = _first(event, "details.model")
        parts += [str(_first(event, "details.product") or ""), f"model {words(model)}" if model else ""]
    if event.technique in {"rfa", "mwa", "cryo"}:
        parts += [
            str(_first(event, "details.device", "details.generator") or ""),
            words(_first(event, "details.approach") or ""),
        ]
    return ", ".join(part for part in parts if part) or None


def _drug(stated: DrugDose) -> str:
    return stated.name if stated.drug == "other" and stated.name else words(stated.drug)


def _sizes(event: Procedure, of: str) -> str:
    low, high = _first(event, f"details.{of}.size_min"), _first(event, f"details.{of}.size_max")
    sizes = [f"{size:g}" for size in (low, high) if size is not None]
    return f"{'–'.join(dict.fromkeys(sizes))} µm" if sizes else ""


# --- the plan ------------------------------------------------------------------------------------------------------------------------------------------


def _technique(visible: Sequence[AnyEvent], asked: str | None) -> tuple[str | None, str]:
    """The technique to plan and why it: asked for, planned and not done, chosen by the board, or the one given last."""
    if asked is not None:
        return asked, "asked for"
    undone = {each.plan for each in plans_and_done(visible) if each.done is None}
    for event in reversed(visible):
        if isinstance(event, Plan) and event.id in undone and event.technique in ARTERIAL:
            return event.technique, f"planned on {event.date} and not done"
    given = [event for event in visible if isinstance(event, Procedure) and event.technique in ARTERIAL]
    boards = [event for event in visible if isinstance(event, Board) and event.chosen is not None]
    if boards and boards[-1].chosen in ARTERIAL and not any(each.date >= boards[-1].date for each in given):
        return boards[-1].chosen, f"chosen by the board of {boards[-1].date}"
    if given:
        return given[-1].technique, f"given last, on {given[-1].date}"
    return None, "no treatment through the hepatic artery is planned, chosen or done"


def _proposal(
    case: Case,
    visible: Sequence[AnyEvent],
    measured: dict[str, LiverExtent],
    technique: str,
    because: str,
    asked: Asked,
) -> PlanProposal:
    extent, absent = _extent(visible, measured)
    loads = territory_loads(extent, "hemiliver", absent=absent)
    family = FAMILY_OF[technique]
    own = summarise([each for each in asked.past if each.family == family and each.kind == "staged"])
    facts = facts_of(case, asked.as_of, asked.known_at)
    burden = facts.value("liver_burden_percent")
    return PlanProposal(
        technique=technique,
        chosen_because=because,
        plan=staged_plan(
            technique,
            loads,
            territory_loads(extent, "section", absent=absent),
            burden_percent=float(burden) if isinstance(burden, (int, float)) else None,
            own_interval_days=own.median_days if own is not None and own.n >= FEWEST_OWN_INTERVALS else None,
        ),
        loads=loads,
        rules=tuple(_sequence_rules(case, technique, asked)),
        own=own,
        own_family=family,
        published=published_for(technique),
    )


def _extent(visible: Sequence[AnyEvent], measured: dict[str, LiverExtent]) -> tuple[LiverExtent, tuple[int, ...]]:
    """The latest imaging that lists lesions, as an extent; and the segments that are gone."""
    images = [event for event in visible if isinstance(event, Imaging)]
    gone = next((event.resected_segments for event in reversed(images) if event.resected_segments), ())
    for event in reversed(images):
        if event.id in measured and measured[event.id].lesions and any(each.segments for each in measured[event.id].lesions):  # fmt: skip
            return measured[event.id], gone
        if event.lesions:
            return LiverExtent(
                liver_volume_ml=event.liver_volume,
                tumour_volume_ml=event.tumour_volume,
                lesions=tuple(_lesion(each) for each in event.lesions),
            ), gone
    return LiverExtent(), gone


def _lesion(stated: StatedLesion) -> Lesion:
    segments = stated.segments or ()
    shares = [share / 100 for share in stated.segment_shares or ()] or [1 / len(segments) for _ in segments]
    return Lesion(
        id=stated.id,
        volume_ml=stated.volume,
        longest_axial_mm=stated.longest,
        segments=tuple(SegmentShare(segment=s, share=share) for s, share in zip(segments, shares, strict=True)),
    )


def _sequence_rules(case: Case, technique: str, asked: Asked) -> Iterator[SequenceRule]:
    report = weigh_case(case, asked.as_of, asked.ruleset, asked.known_at)
    option = next((each for each in report.options if each.option == technique), None)
    for reason in option.reasons if option else ():
        if reason.effect not in {"contraindication", "requirement", "caution"} or not _BEARS_ON_SEQUENCE & reason.facts.keys():  # fmt: skip
            continue
        against = "false" if reason.effect == "requirement" else "true"
        if reason.state not in {against, "unknown"}:
            continue
        word: Literal["stop", "warn", "ask"] = (
            "ask" if reason.state == "unknown" else "warn" if reason.effect == "caution" else "stop"
        )
        yield SequenceRule(
            rule=reason.rule,
            word=word,
            says=reason.says,
            needs=reason.needs,
            sources=tuple(source.key for source in reason.sources),
        )


def plan_events(case: str, proposal: PlanProposal, day: dt.date) -> list[dict[str, Any]]:
    """The proposed sessions as `plan` events, as a case file writes them. Raises BadInput: there is no session to plan, or a rule stops them."""
    sessions = proposal.plan.sessions
    stops = [rule.says for rule in proposal.rules if rule.word == "stop"]
    if stops or not sessions:
        raise BadInput(
            "no session is planned: " + (" ".join(stops) if stops else " ".join(proposal.plan.open)),
            where=case,
            hint="Choose another technique, or record the plan by hand with its reason.",
        )
    return [
        {
            "kind": "plan",
            "date": day,
            "technique": proposal.technique,
            "session": session.number,
            "territory": {"segments": list(session.segments)},
            "lesions": list(session.lesions),
            "details": {"planned_sessions": len(sessions)}
            | ({} if session.after_days is None else {"planned_interval": f"{session.after_days:.0f} day"}),
        }
        for session in sessions
    ]


# --- problems ------------------------------------------------------------------------------------------------------------------------------------------


def _problems(visible: Sequence[AnyEvent]) -> Iterator[str]:
    procedures = [event for event in visible if isinstance(event, Procedure)]
    diagnosed = min((event.date for event in visible if isinstance(event, Diagnosis)), default=None)
    died = min((event.date for event in visible if isinstance(event, Status) and event.state == "dead"), default=None)
    for event in procedures:
        if diagnosed is not None and event.date < diagnosed:
            yield f"{event.id} ({event.technique}, {event.date}) stands before the diagnosis of {diagnosed}: check both dates, unless its specimen gave the diagnosis."
        if died is not None and event.date > died:
            yield f"{event.id} ({event.technique}, {event.date}) stands after the death of {died}: check both dates."
        sessions = _first(event, "details.planned_sessions")
        if sessions is not None and event.session is not None and event.session > sessions:
            yield f"{event.id} is session {event.session}, and states {sessions} planned: check both."
        parts, whole = _injected(event), _first(event, "details.injected_activity")
        if whole is not None and parts is not None and abs(parts - whole) > ACTIVITY_APART * whole:
            yield f"{event.id} states {whole:g} GBq injected, and its injections add up to {parts:g} GBq: check both."
        yield from _lesions_nobody_listed(event, visible)
        yield from _against_what_was_known(event, visible)
    numbered = [event for event in procedures if event.session is not None and event.technique in FAMILY_OF]
    for number, event in enumerate(numbered):
        session, family = event.session or 1, FAMILY_OF[event.technique]
        for later in numbered[number + 1 :]:
            twice = (later.technique, later.session, _segments(later)) == (event.technique, session, _segments(event))
            if twice and 0 < (later.date - event.date).days <= 92:
                yield f"{event.id} and {later.id} are both session {session} of {event.technique} in one territory within 3 months: one may be written twice."
        before = {other.session for other in numbered[:number] if FAMILY_OF[other.technique] == family}
        if session > 1 and session - 1 not in before:
            yield f"{event.id} is session {session} of {event.technique}, and no session {session - 1} stands before it: dates out of order, or an earlier session is missing."


def _against_what_was_known(event: Procedure, visible: Sequence[AnyEvent]) -> Iterator[str]:
    """Ducts called native after an operation that altered them for good; a portal vein told otherwise than on the last image before."""
    before = [other for other in visible if other.date < event.date]
    altered = [other for other in before if isinstance(other, Procedure) and other.technique in _ALTERS_DUCTS]
    if altered and _first(event, "details.bile_ducts") == ("native",):
        yield f"{event.id} states native bile ducts, and {altered[-1].id} ({altered[-1].technique}, {altered[-1].date}) altered them before."
    told = _first(event, "details.portal_vein.main")
    images = [image for image in before if isinstance(image, Imaging) and image.portal_vein is not None]
    if told is not None and images and (told == "thrombosed") != (images[-1].portal_vein == "main"):
        yield f"{event.id} states the main portal vein {told}, {images[-1].id} before it says {images[-1].portal_vein}: one of both is wrong, or it changed."


def _lesions_nobody_listed(event: Procedure, visible: Sequence[AnyEvent]) -> Iterator[str]:
    known = {lesion.id for image in visible if isinstance(image, Imaging) for lesion in image.lesions or ()}
    named = set(event.lesions or ()) | {str(name) for name in values_at(event, "details.ablations.lesion")}
    if known and (stray := sorted(named - known)):
        yield f"{event.id} names lesions that no imaging lists: {', '.join(stray)}."
