"""Hand-made evidence for the tests of the report room: many studies, too few, one, percentages only, none; and text that is hostile. All invented."""

from __future__ import annotations

import datetime as dt
from typing import get_args

from liverboard.board.dossier import EvidenceSection
from liverboard.clinical.events import Option
from liverboard.evidence.expected import BesideClaim, OptionEvidence, OutcomeEvidence
from liverboard.evidence.pools import PooledArm, Shown
from liverboard.synthesis.intervals import clopper_pearson
from liverboard.synthesis.proportions import pool_proportions

HASH = "ab" * 32


def arm(name: str, events: int, n: int, weight: float = 0.5, **more: object) -> PooledArm:
    low, high = (float(end) for end in clopper_pearson(events, n))
    fields: dict[str, object] = {
        "study_id": f"{name.lower()}-tae",
        "label": name,
        "short": name,
        "technique": "tae",
        "events": events,
        "n": n,
        "estimate": events / n,
        "ci": (low, high),
        "weight": weight,
        "criteria": "RECIST",
        "timepoint": "",
        "n_basis": "stated",
        "design": "retrospective",
        "ocebm_treatment": 4,
        "ocebm_prognosis": 4,
        "overlap_group": "",
        "overlap_unverified": False,
        "unverified": (),
        "source_type": "primary_abstract",
        "extracted_from": "page 1",
    }
    return PooledArm.model_validate({**fields, **more})


def outcome(key: str, label: str, counts: str, arms: tuple[PooledArm, ...] = (), **more: object) -> OutcomeEvidence:
    """An outcome of these arms, each a study; pooled, and a headline from five studies on."""
    fields: dict[str, object] = {
        "outcome": key,
        "name": "bland embolisation",
        "label": label,
        "counts": counts,
        "kind": "proportion",
        "wording": f"Words on {label}.",
        "banner": "no data" if not arms else "too few studies" if len(arms) < 5 else "",
        "k": len(arms),
        "study_count": len(arms),
        "n": sum(each.n or 0 for each in arms),
        "events": sum(each.events or 0 for each in arms),
        "studies": arms,
        "rate_level": "at most low" if arms else "not rated",
        "rate_certainty": "the rate in treated patients: at most low; not judged yet: risk of bias",
        "comparison_level": "very low",
        "comparison_certainty": "better than the alternative: very low (no comparator)",
        "evidence_hash": HASH,
    }
    if arms:
        pooled = pool_proportions([a.study_id for a in arms], [a.events or 0 for a in arms], [a.n or 0 for a in arms])
        fields |= {
            "headline": len(arms) >= 5,
            "estimate": pooled.estimate,
            "ci": pooled.ci,
            "prediction_interval": pooled.prediction_interval,
            "tau2": pooled.tau2,
            "i2": pooled.i2_percent,
            "method": "glmm",
            "ci_method": "t",
        }
    return OutcomeEvidence.model_validate({**fields, **more})


MANY = tuple(arm(f"Study{k}", events, 30, 1 / 6) for k, events in enumerate((12, 15, 20, 9, 18, 14)))
FEW = (
    arm("First2019", 7, 44, study_id="first2019-tace"),
    arm("Second 2021 [year unverified]", 14, 30, short="Second 2021 [unverified]", unverified=("year",)),
)


def option(name: str, *outcomes: OutcomeEvidence, **more: object) -> OptionEvidence:
    fields: dict[str, object] = {
        "option": name,
        "name": name,
        "techniques": (name,),
        "known": bool(outcomes),
        "outcomes": outcomes,
        "split": ("The pooled data are not split by primary (this patient: ileum), pattern (diffuse) or grade (G2).",)
        if outcomes
        else (),
        "note": "" if outcomes else "The catalogue holds no study of this option; nothing is borrowed from others.",
        "catalogue_hash": HASH,
    }
    return OptionEvidence.model_validate({**fields, **more})


def claim(name: str = "ED-18", **more: object) -> BesideClaim:
    fields: dict[str, object] = {
        "id": name,
        "says": "TACE and TAE give the highest response.",
        "source": "editorial",
        "verification": "A",
        "beside": ("bland embolisation, objective response: words.",),
        "contrasts": ("first2019: TACE against TAE: p = 0.3",),
        "verdict": "No study compares them: side by side is no comparison.",
    }
    return BesideClaim.model_validate({**fields, **more})


def section() -> EvidenceSection:
    """`tae` has six studies, `ctace` two, `ablation` one and a percentage; `ssa` is not in the catalogue; `resection` has a row of this primary."""
    listed = Shown(
        study_id="first2019-tace", label="First2019", technique="tae", outcome="os_median_months", printed="35 months", value=35.0, unit="months", ci=(None, None), n=44,
        unit_of_analysis="patient", criteria="", timepoint="", time_origin="", subgroup="small bowel primary", reason="a subgroup", unverified=(), extracted_from="page 1",
    )  # fmt: skip
    harm = ("major_complication", "major complication", "harm")
    response = ("objective_response", "objective response", "benefit")
    return EvidenceSection(
        catalogue_hash=HASH,
        date=dt.date(2024, 5, 1),
        note="Extracted at abstract level.",
        options={
            each.option: each
            for each in (
                option("tae", outcome(*response, MANY), outcome(*harm, MANY[:1]), claims=(claim(),)),
                option("ctace", outcome(*response, FEW), outcome(*harm, FEW), outcome("reild", "liver disease", "harm"), claims=(claim(),)),
                option("ssa"),
                option("ablation", outcome(*response, printed_percent=(38.0, 73.0))),
                option("prrt"),
                option("resection", outcome("morbidity", "any complication", "harm", FEW[:1]), nearest=(listed,)),
            )
        },
    )  # fmt: skip


def hostile_section(nasty: str, long: str) -> EvidenceSection:
    """Every field that takes text holds markup, for every option."""
    arms = tuple(
        arm(
            str(k),
            k,
            30,
            study_id=f"{nasty}-{k}",
            label=nasty if k % 2 else long,
            short=nasty if k % 2 else long,
            criteria=nasty,
            extracted_from=nasty,
        )
        for k in range(6)
    )
    words: dict[str, object] = {"wording": nasty, "rate_certainty": f"a: {nasty}", "comparison_certainty": f"b: {long}",
                                "rate_level": nasty, "comparison_level": long, "warnings": (nasty, long), "name": nasty}  # fmt: skip
    response = outcome("objective_response", nasty, "benefit", arms, **words)
    harm = outcome("major_complication", long, "harm", arms[:2], **{**words, "banner": nasty})
    claims = (claim(nasty, says=nasty, source=nasty, beside=(nasty, long), contrasts=(nasty, long), verdict=nasty),)
    return EvidenceSection(
        catalogue_hash="cd" * 32,
        date=dt.date(2024, 5, 1),
        note=nasty,
        options={
            name: option(name, response, harm, split=(nasty, long), claims=claims, note=nasty)
            for name in get_args(Option)
        },
    )
