"""What the catalogue holds, to be read through: studies, and the techniques and outcomes that have data."""

from __future__ import annotations

import datetime as dt

from liverboard.clinical.extent import Frozen
from liverboard.evidence.certainty import ocebm
from liverboard.evidence.dictionary import reading_alone
from liverboard.evidence.select import select
from liverboard.evidence.states import CentreCatalogue, packaged_date


class ListedArm(Frozen):
    study_id: str
    label: str
    technique: str
    population: str
    design: str
    n_patients: int | None
    overlap_group: str
    include_in_pooling: bool
    source_type: str
    extracted_from: str
    unverified: tuple[str, ...]
    retracted: str
    ocebm_treatment: int | None
    ocebm_prognosis: int | None
    outcomes: int


class ListedPool(Frozen):
    """A technique and an outcome with data: how many rows there are and how many can be pooled or listed."""

    technique: str
    outcome: str
    rows: int
    used: int


class Listing(Frozen):
    catalogue_hash: str
    date: dt.date
    searched: dt.date | None
    own_studies: int
    arms: tuple[ListedArm, ...]
    pools: tuple[ListedPool, ...]


def listing_of(centre: CentreCatalogue, technique: str | None = None) -> Listing:
    """The listing, of one technique or group where it is named. Raises BadInput for a name that is none."""
    catalogue = centre.catalogue
    wanted = None if technique is None else frozenset(reading_alone(technique, catalogue).techniques)
    arms = [arm for arm in catalogue.arms.values() if wanted is None or arm.technique in wanted]
    counts = {arm.study_id: sum(row.study_id == arm.study_id for row in catalogue.outcomes) for arm in arms}
    with_data = sorted(
        {
            (catalogue.arm(row).technique, row.outcome)
            for row in catalogue.outcomes
            if wanted is None or catalogue.arm(row).technique in wanted
        }
    )
    return Listing(
        catalogue_hash=centre.hash,
        date=centre.states[-1].date if centre.states else packaged_date().date,
        searched=centre.states[-1].searched if centre.states else packaged_date().searched,
        own_studies=centre.own,
        arms=tuple(
            ListedArm(
                **arm.model_dump(include=set(ListedArm.model_fields) & set(type(arm).model_fields)),
                label=arm.label,
                ocebm_treatment=ocebm(arm)[0],
                ocebm_prognosis=ocebm(arm)[1],
                outcomes=counts[arm.study_id],
            )
            for arm in arms
        ),
        pools=tuple(
            ListedPool(
                technique=name,
                outcome=outcome,
                rows=len(catalogue.of([name], outcome)),
                used=_used(centre, name, outcome),
            )
            for name, outcome in with_data
        ),
    )


def _used(centre: CentreCatalogue, technique: str, outcome: str) -> int:
    from liverboard.evidence.dictionary import define

    counts = define(outcome).kind == "proportion"
    return len(select(centre.catalogue, [technique], outcome, counts=counts).used)
