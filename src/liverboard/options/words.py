"""Options, verdicts and reasons in a board's words, for every place that shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from liverboard.clinical.dictionary import all_definitions
from liverboard.options.report import Reason
from liverboard.options.verdict import Verdict

OPTION_WORDS: Final[dict[str, str]] = {
    "surveillance": "Surveillance",
    "resection": "Liver resection",
    "liver_transplantation": "Liver transplantation",
    "ablation": "Thermal ablation",
    "resection_plus_ablation": "Resection with ablation",
    "tae": "Bland embolisation (TAE)",
    "ctace": "Conventional TACE",
    "debtace": "DEB-TACE",
    "sirt_resin": "SIRT, resin Y-90",
    "sirt_glass": "SIRT, glass Y-90",
    "sirt_ho166": "SIRT, Ho-166",
    "prrt": "PRRT",
    "ssa": "Somatostatin analogue",
    "everolimus": "Everolimus",
    "sunitinib": "Sunitinib",
    "cabozantinib": "Cabozantinib",
    "chemotherapy": "Chemotherapy",
}
VERDICT_WORDS: Final[dict[Verdict, str]] = {
    "fits": "fits",
    "caution": "caution",
    "cannot_tell": "cannot tell",
    "not_indicated": "not indicated",
    "excluded": "excluded",
}
SIGNS: Final[dict[Verdict, str]] = {
    "fits": "●",
    "caution": "▲",
    "cannot_tell": "?",
    "not_indicated": "–",
    "excluded": "✕",
}
EFFECT_WORDS: Final[dict[str, str]] = {
    "contraindication": "contraindication",
    "requirement": "requirement",
    "indication": "indication",
    "caution": "caution",
    "outside_studied": "outside what was studied",
}
CLASS_WORDS: Final[dict[str, str]] = {
    "label_contraindication": "product label",
    "label_warning": "product label, warning",
    "label_indication": "product label, indication",
    "guideline": "guideline",
    "selection_criteria": "selection criteria",
    "expert_list": "expert list",
    "expert_list_secondhand": "expert list, second-hand",
    "trial_eligibility": "trial eligibility",
    "data": "cohort or comparative data",
    "opinion": "expert opinion",
    "unverified": "not verified",
    "local_policy": "policy of this centre",
}


_SHORT: Final[dict[str, str]] = {
    "resection": "resection",
    "liver_transplantation": "transplantation",
    "ablation": "ablation",
    "resection_plus_ablation": "resection + ablation",
    "tae": "TAE",
    "ctace": "cTACE",
    "debtace": "DEB-TACE",
    "ssa": "SSA",
    "surveillance": "surveillance",
    "everolimus": "everolimus",
    "sunitinib": "sunitinib",
    "cabozantinib": "cabozantinib",
    "chemotherapy": "chemotherapy",
}
SIRT: Final = {"sirt_resin": "resin", "sirt_glass": "glass", "sirt_ho166": "Ho-166"}


def option_words(option: str) -> str:
    return OPTION_WORDS[option]


def short_words(options: Sequence[str]) -> str:
    """Several options in few words: the three kinds of SIRT are one."""
    kinds = [SIRT[option] for option in options if option in SIRT]
    words = [_SHORT.get(option, OPTION_WORDS[option]) for option in options if option not in SIRT]
    if kinds:
        words.append("SIRT" if len(kinds) == len(SIRT) else f"SIRT ({', '.join(kinds)})")
    return ", ".join(words)


def state_words(reason: Reason) -> str:
    """What a state means for its effect: a requirement that is false is not met."""
    if reason.state == "unknown":
        return "not known"
    met = reason.state == "true"
    if reason.effect == "requirement":
        return "met" if met else "not met"
    return "holds" if met else "does not hold"


def set_aside(reason: Reason) -> bool:
    """Whether a centre's policy switched this rule off, and it would hold back here."""
    off = reason.override is not None and reason.override.action == "off"
    return off and (reason.effect, reason.state) in {
        ("contraindication", "true"),
        ("requirement", "false"),
        ("caution", "true"),
    }


def reason_line(reason: Reason) -> str:
    """One line: what the rule says, what it hangs on, who says so."""
    tags = [CLASS_WORDS[reason.source_class], *reason.jurisdiction]
    sources = ", ".join(f"{source.key} [{source.verification}]" for source in reason.sources)
    needs = f" Hangs on {', '.join(all_definitions()[name].label for name in reason.needs)}." if reason.needs else ""
    off = f" Overridden by {reason.override.centre}: {reason.override.reason}." if reason.override else ""
    return f"{EFFECT_WORDS[reason.effect]}, {state_words(reason)}: {reason.says}{needs}{off} ({'; '.join(tags)}; {sources})"
