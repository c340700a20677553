"""What an input of a form asks for, where no fact says it: as the reference of the case file has it (docs/reference/case-format.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_MARKERS = ("ast", "alt", "chromogranin_a", "u5hiaa")
_SEGMENTS = "As a radiologist writes them: S5/8, IVa/V, 2+3, V-VIII, caudate."
_ZONE = "Sizes of the zone, each with its unit, such as 30 mm, 20 mm."

# By kind and path in the event, or by the path alone, rows without their numbers; a lesion outside the liver is asked for what a lesion of the liver is.
HELPS: Final[Mapping[str, str]] = {
    "confirmed": "Someone looked at the values of this event again: they hold, however implausible they are.",
    "imaging.lesions": "None: no lesion of the liver is seen. Otherwise list them below.",
    "imaging.extrahepatic_lesions": "None: no lesion outside the liver is seen. Otherwise list them below.",
    "imaging.lesions.id": "Name of the lesion, such as L1; the same on every scan.",
    "imaging.lesions.short": "Diameter across the longest one.",
    "imaging.lesions.viable": "Longest diameter of the part that enhances in the arterial phase; 0 where nothing enhances.",
    "imaging.lesions.viable_short": "Diameter across the longest one of the part that enhances in the arterial phase.",
    "imaging.lesions.viable_volume": "Volume of the part that enhances in the arterial phase; 0 where nothing enhances.",
    "imaging.lesions.density": "Mean of the lesion in the portal venous phase on CT.",
    "imaging.lesions.target": "Chosen by the reader as target at baseline.",
    "imaging.lesions.measurable": "No: it cannot be measured whatever its size (effusion, blastic bone).",
    "imaging.lesions.state": "What can be said without a size. Progressing: unequivocal progression of a lesion that is no target. Too small: there, but too small to measure.",
    "imaging.lesions.new": "Not there before; equivocal where only a later scan will tell.",
    "imaging.lesions.was": "Names of the earlier lesion or lesions that this one is, where it split, merged or was renamed.",
    "imaging.lesions.nodule": "A new or growing nodule within the lesion.",
    "imaging.lesions.zone": "After ablation: longest diameter of the zone.",
    "imaging.lesions.margin": "After ablation: least distance between the tumour and the edge of the zone.",
    "imaging.lesions.treated": "Treated before this imaging.",
    "imaging.lesions.segments": _SEGMENTS,
    "imaging.lesions.segment_shares": "Share of the lesion in each of its segments, in their order, such as 70 %, 30 %; equal parts where none is given.",
    "imaging.lesions.organ": "Of a lymph node the short axis counts.",
    "imaging.new_lesions": "Whether any new lesion appeared; needed where only a part of the lesions is listed.",
    "imaging.slice_thickness": "Decides from which size a lesion can be measured.",
    "imaging.resected_segments": "Segments that are gone.",
    "imaging.pattern": "The reader's word; it wins over the pattern that follows from the lesions.",
    "lesions": "The lesions aimed at.",
    "territory.segments": _SEGMENTS,
    "details.zone": _ZONE,
    "details.ablations.zone": _ZONE,
    "systemic.contains": "What a drug of the name other is or holds.",
    **{f"labs.{marker}.upper_limit": "In the unit of the value; without it the marker cannot be compared." for marker in _MARKERS},
    **{f"labs.{marker}.assay": "The test as the laboratory names it; values of different tests are not compared." for marker in _MARKERS},
}  # fmt: skip
