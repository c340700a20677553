"""Hand-made options for the tests of the report room: every verdict, every effect, a policy, and text that is hostile. All synthetic; the sources are invented."""

from __future__ import annotations

import datetime as dt
from typing import get_args

from liverboard.clinical.events import Option
from liverboard.options.report import (
    ContextNote,
    Deviation,
    DisagreementNote,
    EquipoiseNote,
    LesionState,
    OptionsReport,
    OptionVerdict,
    OverrideNote,
    PositionNote,
    Reason,
    Source,
)
from liverboard.options.verdict import VERDICTS

OFF = OverrideNote(
    action="off",
    centre="Demo centre",
    approved_by="Dr A. Example",
    date=dt.date(2024, 5, 1),
    reason="decided by our own protocol",
)


def source(key: str, verification: str = "A", at: str | None = "table 1") -> Source:
    return Source(key=key, at=at, citation=f"Paper of {key}. 2020", verification=verification)


def reason(rule: str, effect: str, state: str, says: str, **more: object) -> Reason:
    fields: dict[str, object] = {
        "when": "ecog > 2",
        "facts": {"ecog": 1},
        "because": says,
        "sources": (source(f"paper_{rule}"),),
        "source_class": "guideline",
    }
    return Reason.model_validate({"rule": rule, "effect": effect, "state": state, "says": says, **fields, **more})


def options() -> OptionsReport:
    lung = reason(
        "sirt_lung_dose",
        "contraindication",
        "true",
        "Predicted lung dose 36 Gy: above 30 Gy in one treatment.",
        decides=True,
        source_class="expert_list",
        sources=(source("lung_paper", "A"), source("label_copy", "B")),
    )
    portal = reason(
        "embolisation_portal_main",
        "contraindication",
        "true",
        "The main portal vein is thrombosed.",
        source_class="expert_list",
        override=OFF,
    )
    sirt = tuple(
        OptionVerdict(option=kind, verdict="excluded", reasons=(lung, *more), disagreements=("D-04",))
        for kind, more in (
            (
                "sirt_resin",
                (
                    reason(
                        "resin_shunt",
                        "contraindication",
                        "true",
                        "Lung shunt 25 %: above the 20 % of the label.",
                        decides=True,
                        source_class="label_contraindication",
                        jurisdiction=("US", "APAC"),
                    ),
                ),
            ),
            ("sirt_glass", ()),
            ("sirt_ho166", ()),
        )
    )
    crisis = reason(
        "carcinoid_crisis_plan",
        "caution",
        "true",
        "Carcinoid syndrome: agree a crisis plan. Have vasopressors ready.",
        decides=True,
    )
    large = reason(
        "ablation_over_40_mm",
        "caution",
        "true",
        "L1, L2 over 40 mm: plan overlapping zones.",
        decides=True,
        lesions=(
            LesionState(id="L1", state="true", facts={"lesion_longest_mm": 52.0}),
            LesionState(id="L2", state="unknown", facts={"lesion_longest_mm": None}),
        ),
    )
    embolised = (
        reason(
            "arterial_opinion",
            "indication",
            "true",
            "One editorial sees it as crucial.",
            decides=True,
            source_class="opinion",
        ),
        reason(
            "arterial_guideline",
            "indication",
            "true",
            "Liver-dominant and growing: a society sets embolisation here.",
            decides=True,
        ),
        portal,
    )
    return OptionsReport(
        as_of=dt.date(2024, 5, 15),
        knowledge_version="2024.1",
        policy="Demo centre, approved by Dr A. Example, 2024-05-01",
        jurisdiction="EU",
        options=(
            OptionVerdict(option="tae", verdict="fits", reasons=embolised, disagreements=("D-04", "D-09")),
            OptionVerdict(option="ctace", verdict="fits", reasons=embolised, given_before=("ctace 2023-04",)),
            OptionVerdict(
                option="ssa",
                verdict="fits",
                stale=("ki67_percent",),
                given_before=("lanreotide from 2019-08, goes on",),
                to_check=("progressed_on_ssa",),
                reasons=(
                    reason(
                        "ssa_label",
                        "indication",
                        "true",
                        "Ki-67 6 %, up to 10 %: within the label.",
                        decides=True,
                        stale=("ki67_percent",),
                        source_class="label_indication",
                        jurisdiction=("EU", "UK"),
                        edition="May 2023",
                    ),
                    reason(
                        "ssa_outside",
                        "outside_studied",
                        "true",
                        "Outside of what the trial studied.",
                        source_class="unverified",
                        sources=(source("machine_page", "U", None),),
                    ),
                ),
            ),
            OptionVerdict(
                option="ablation",
                verdict="caution",
                reasons=(
                    crisis,
                    large,
                    *(reason(f"silent_{k}", "indication", "false", f"General statement {k}.") for k in range(7)),
                ),
            ),
            OptionVerdict(
                option="prrt",
                verdict="cannot_tell",
                missing=("sstr_lowest", "sstr_scale", "egfr_ml_min"),
                reasons=(
                    reason(
                        "prrt_label",
                        "indication",
                        "unknown",
                        "The label asks for uptake.",
                        decides=True,
                        needs=("sstr_lowest",),
                    ),
                ),
            ),
            OptionVerdict(option="resection", verdict="cannot_tell", missing=("resectable",), reasons=()),
            OptionVerdict(option="surveillance", verdict="not_indicated", reasons=()),
            OptionVerdict(
                option="chemotherapy",
                verdict="not_indicated",
                reasons=(
                    reason("chemotherapy_pancreas", "indication", "false", "For pancreatic primaries.", decides=True),
                ),
            ),
            OptionVerdict(
                option="liver_transplantation",
                verdict="excluded",
                reasons=(
                    reason(
                        "transplantation_burden",
                        "requirement",
                        "false",
                        "Liver burden 60 %: the criteria take up to 50 %.",
                        decides=True,
                    ),
                    reason("transplantation_grade", "requirement", "true", "The criteria ask for low grade."),
                ),
            ),
            *sirt,
        ),
        equipoise=(
            EquipoiseNote(
                id="X-01", options=("tae", "ctace"), says="No comparison settles them.", sources=(source("consensus"),)
            ),
        ),
        disagreements=(
            DisagreementNote(
                id="D-04",
                topic="Lung limit",
                place="options",
                handling="liverboard keeps the products apart.",
                positions=(
                    PositionNote(says="Resin: 20 %.", sources=(source("resin_label"),)),
                    PositionNote(says="Glass: 16.5 mCi.", sources=(source("glass_label", "B"),)),
                ),
            ),
            DisagreementNote(
                id="D-01",
                topic="Names of the pattern",
                place="pattern",
                handling="liverboard translates none.",
                positions=(
                    PositionNote(says="Three patterns.", sources=(source("pattern_a"),)),
                    PositionNote(says="Three types.", sources=(source("pattern_b", "U"),)),
                ),
            ),
        ),
        context=(ContextNote(id="ED-01", says="Liver metastases are common.", sources=(source("editorial"),)),),
        deviations=(
            Deviation(
                rule="embolisation_portal_main",
                options=("tae", "ctace"),
                effect="contraindication",
                says="It depends on the artery.",
                override=OFF,
            ),
            Deviation(
                rule="prrt_label_us",
                options=("prrt",),
                effect="indication",
                says="The US label.",
                override=OFF.model_copy(update={"action": "jurisdiction"}),
            ),
        ),
    )


def hostile_options(nasty: str, long: str) -> OptionsReport:
    """Every field that takes text holds markup; every option is there, with more missing and more reasons than a page holds."""
    cited = (
        Source(key=nasty, at=nasty, citation=nasty, verification=nasty),
        Source(key=long, at=None, citation=long, verification="B"),
    )
    override = OverrideNote(
        action=nasty, centre=nasty, approved_by=nasty, date=dt.date(2024, 5, 1), reason=nasty, packaged_when=nasty
    )
    reasons = tuple(
        reason(
            f"{nasty}{k}",
            effect,
            state,
            nasty if k % 2 else long,
            decides=True,
            when=nasty,
            facts={nasty: nasty, long: long},
            needs=(nasty, long),
            stale=(nasty,),
            lesions=(LesionState(id=nasty, state="unknown", facts={nasty: nasty}),),
            sources=cited,
            source_class=nasty,
            jurisdiction=(nasty,),
            edition=nasty,
            ask=nasty,
            override=override if k % 3 == 0 else None,
        )
        for k, (effect, state) in enumerate(
            (e, s)
            for e in ("contraindication", "requirement", "indication", "caution", "outside_studied")
            for s in ("true", "false", "unknown")
        )
    )
    names = get_args(Option)
    return OptionsReport(
        policy=nasty,
        jurisdiction=nasty,
        options=tuple(
            OptionVerdict(
                option=name,
                verdict=verdict,
                reasons=reasons if name == names[0] else reasons[:2],
                missing=(nasty, long),
                to_check=(nasty,),
                stale=(nasty,),
                given_before=(nasty, long),
                disagreements=("D-1 <b>",),
            )
            for name, verdict in zip(names, sorted((VERDICTS * 4)[: len(names)], key=VERDICTS.index), strict=True)
        ),
        equipoise=(EquipoiseNote(id=nasty, options=names[:3], says=nasty, sources=cited),),
        disagreements=tuple(
            DisagreementNote(
                id=key,
                topic=nasty,
                place=nasty,
                handling=nasty,
                positions=(PositionNote(says=nasty, sources=cited), PositionNote(says=long, sources=cited)),
            )
            for key in ("D-1 <b>", 'D-2" #x')
        ),
        context=(ContextNote(id=nasty, says=nasty, sources=cited),),
        deviations=(Deviation(rule=nasty, options=names[:2], effect="caution", says=nasty, override=override),),
    )
