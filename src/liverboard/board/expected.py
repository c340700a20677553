"""The evidence section of a dossier: what the catalogue holds behind each open option, and where its figures come from."""

from __future__ import annotations

from collections.abc import Iterable

from liverboard.board.dossier import EvidenceSection, Provenance
from liverboard.clinical.facts import Facts
from liverboard.evidence.catalogue import Arm, Catalogue, SourceType
from liverboard.evidence.expected import OptionEvidence, expected_of
from liverboard.evidence.states import CentreCatalogue, packaged_date
from liverboard.knowledge import load_references
from liverboard.options.report import OptionsReport

OPEN = frozenset({"fits", "caution", "cannot_tell"})
_QUOTED: frozenset[SourceType] = frozenset({"abstract_quoted", "secondary_table", "secondary_text"})


def evidence_section(options: OptionsReport, facts: Facts, books: CentreCatalogue) -> EvidenceSection:
    """What is known of every open option; only what is shown is pooled."""
    last = books.states[-1] if books.states else None
    packaged = packaged_date()
    return EvidenceSection(
        catalogue_hash=books.hash,
        date=last.date if last else packaged.date,
        searched=last.searched if last else packaged.searched,
        note=packaged.note,
        own_studies=books.own,
        options={
            each.option: expected_of(each.option, facts, books.catalogue, books.judgements)
            for each in options.options
            if each.verdict in OPEN
        },
    )


def evidence_provenance(section: EvidenceSection, catalogue: Catalogue) -> tuple[Provenance, ...]:
    """The state of the catalogue, and the studies and claims behind what the dossier shows of it."""
    searched = section.searched.isoformat() if section.searched else "not recorded"
    state = Provenance(
        what=f"evidence catalogue {section.catalogue_hash[:12]}",
        kind="software",
        detail=f"state of {section.date}; last search of the literature: {searched}; {section.own_studies} studies of this centre's own. {section.note}",
        sha256=section.catalogue_hash,
    )
    references = load_references()
    claims = sorted({claim.source for option in section.options.values() for claim in option.claims})
    return (
        state,
        *(_study(study, arms) for study, arms in _used(section.options.values(), catalogue).items()),
        *(
            Provenance(
                what=key,
                kind="source",
                detail=f"{references[key].citation}. Verified: {references[key].how}",
                verification=references[key].verification,
            )
            for key in claims
        ),
    )


def _used(options: Iterable[OptionEvidence], catalogue: Catalogue) -> dict[str, list[Arm]]:
    """The arms whose figures are shown, by study, in the order in which they are met."""
    found: dict[str, list[Arm]] = {}
    for option in options:
        rows = [row for each in option.outcomes for row in (*each.studies, *each.listed)]
        for row in (*rows, *option.nearest):
            arm = catalogue.arms[row.study_id]
            arms = found.setdefault(arm.study, [])
            if arm not in arms:
                arms.append(arm)
    return found


def _study(study: str, arms: list[Arm]) -> Provenance:
    citation = next((arm.citation for arm in arms if arm.citation), "")
    ids = next((f"doi:{arm.doi}" for arm in arms if arm.doi), "") or next(
        (f"PMID {arm.pmid}" for arm in arms if arm.pmid), ""
    )
    pages = "; ".join(dict.fromkeys(arm.extracted_from for arm in arms))
    return Provenance(
        what=study,
        kind="source",
        detail=". ".join(filter(None, (arms[0].label, citation, ids, f"Read: {pages}"))),
        verification="B" if any(arm.source_type in _QUOTED for arm in arms) else "A",
    )
