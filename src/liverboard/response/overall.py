"""Response of a day out of targets, non-targets and new lesions: tables 1 and 2 of RECIST 1.1 (recist_2009, read in recist11_tables)."""

from __future__ import annotations

from collections.abc import Iterable

from liverboard.clinical.response import Category, NonTargetResponse, TargetResponse


def overall_response(
    target: TargetResponse | None, non_target: NonTargetResponse | None, new_lesion: bool | None
) -> Category:
    """Table 1 with targets, table 2 without (`target` None). `non_target` None: there are none. `new_lesion` None: nobody says, which leaves only progression sure."""
    if new_lesion or target == "PD" or non_target == "PD":
        return "PD"
    if target == "NE" or new_lesion is None:
        return "NE"
    if target is None:
        return non_target or "NE"
    if target == "CR":
        return "CR" if non_target in {None, "CR"} else "PR"
    return target


def non_target_response(states: Iterable[str]) -> NonTargetResponse | None:
    """From what is said of each non-target lesion: absent, present, progressing, or unknown. None: there are none."""
    told = set(states)
    if not told:
        return None
    if "progressing" in told:
        return "PD"
    if "unknown" in told:
        return "NE"
    return "CR" if told == {"absent"} else "non-CR/non-PD"
