"""The story of a synthetic person as a case: what a centre would have written down, with what it left out."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import numpy as np

from liverboard.clinical.events import Case
from liverboard.phantom.cohort import DAYS_A_MONTH, Person, pick
from liverboard.phantom.cohort_truth import TREATMENTS, Centre

Word = TypeVar("Word", bound=str)
_LISTED: Final = 6  # lesions that a report names one by one
_SCANS: Final = 4  # scans after treatment that are written out beside the one of progression


def case_of(person: Person, seed: int = 1) -> Case:
    """The case of one person, marked synthetic. The same person and seed give the same case."""
    story = _Story(person, seed)
    story.before_the_board()
    story.board()
    if person.treated_days is not None:
        story.treatment(person.treated_days)
    story.follow_up()
    return Case.model_validate(
        {
            "case": person.case,
            "centre": person.centre.name,
            "synthetic": True,
            "sex": person.has.sex,
            "birth_year": person.has.birth_year,
            "question": "Invented case: liver metastases grow under a somatostatin analogue; which treatment?",
            "events": sorted(story.events, key=lambda event: event["date"]),
        }
    )


class _Story:
    """Events as a case file writes them."""

    def __init__(self, person: Person, seed: int) -> None:
        self.person, self.has = person, person.has
        self.random = np.random.default_rng((seed, int(person.case.rpartition("-")[2]), 2))
        self.events: list[dict[str, Any]] = []
        self.sizes_mm, self.segments = _lesions(self.random, person)

    def add(self, kind: str, days: int, **content: object) -> None:
        """An event `days` after the board; what is None or missing by the truth is left out."""
        number = 1 + sum(each["kind"] == kind for each in self.events)
        kept = {key: value for key, value in content.items() if value is not None}
        self.events.append({"id": f"{kind}-{number}", "kind": kind, "date": self.day(days), **kept})

    def day(self, days: int) -> str:
        return (self.has.board + dt.timedelta(days=days)).isoformat()

    def known(self, fact: str, value: object) -> object | None:
        return None if fact in self.person.missing else value

    def before_the_board(self) -> None:
        has, known = self.has, self.known
        since = (has.diagnosed - has.board).days
        self.add(
            "diagnosis",
            since,
            primary_site=has.primary_site,
            differentiation="well",
            ki67=known("ki67", f"{has.ki67_percent:g} %"),
            mitoses_per_2mm2=known("mitoses_per_2mm2", has.mitoses_per_2mm2),
            specimen="liver",
        )
        self.add("systemic", since + 30, drug=("lanreotide", "octreotide_lar")[int(self.random.integers(2))])
        tumour_ml = has.liver_volume_ml * has.burden_percent / 100
        self.add(
            "imaging",
            -14,
            modality="CT",
            lesions=self.lesions(1.0),
            too_many_to_count=True if has.burden_percent > 50 else None,
            liver_volume=known("tumour_volume", f"{has.liver_volume_ml:g} mL"),
            tumour_volume=known("tumour_volume", f"{tumour_ml:.0f} mL"),
            portal_vein=known("portal_vein", "segmental" if has.portal_thrombosis else "patent"),
            extrahepatic={"extent": "limited", "sites": ["lymph_node"]} if has.extrahepatic else {"extent": "none"},
            progression={"hepatic": True},
        )
        self.add(
            "clinic",
            -7,
            ecog=known("ecog", has.ecog),
            syndrome="carcinoid" if has.functioning else "none",
            ascites="none",
            encephalopathy="none",
            eortc=known(
                "eortc", {"qlq_c30_global": int(np.clip(70 - 12 * has.ecog + self.random.normal(0, 12), 0, 100))}
            ),
        )
        self.add(
            "labs",
            -7,
            bilirubin=f"{has.bilirubin_umol_l:g} umol/L",
            albumin=known("albumin", f"{has.albumin_g_l:g} g/L"),
            inr=round(float(np.clip(self.random.normal(1.03, 0.06), 0.9, 1.4)), 2),
            platelets=f"{int(np.clip(self.random.normal(240, 60), 80, 500))} 10^9/L",
            chromogranin_a=known("chromogranin_a", _marker(has.chromogranin_a_x_uln, 100, "ug/L")),
            u5hiaa=known("u5hiaa", _marker(has.u5hiaa_x_uln, 50, "umol/d")),
        )
        self.add("history", -7, complete=True)

    def board(self) -> None:
        likely = sorted(zip(self.person.probabilities, TREATMENTS, strict=True), reverse=True)[:3]
        considered = [name for _, name in likely]
        chosen = self.person.chosen
        self.add(
            "board",
            0,
            considered=considered if chosen in considered else [*considered, chosen],
            chosen=chosen,
            reason="Invented: drawn from the truth of a synthetic registry.",
        )

    def treatment(self, first: int) -> None:
        """Sessions at the centre's interval, until progression, death or the end of what is known."""
        person, centre = self.person, self.person.centre
        stop = min(person.end_days, person.progression_days)
        if person.chosen == "prrt":
            days = [first + 56 * n for n in range(4) if n == 0 or first + 56 * n < stop]
            last = days[-1] + 1
            ended = {"until": self.day(last), "stopped_for": "completed" if len(days) == 4 else "progression"}
            self.add(
                "systemic", first, drug="lu177_dotatate", cycles=len(days), **(ended if last < person.end_days else {})
            )
            self.severe("cytopenia", first, None)
            return
        sides = 2 if len({number <= 4 for each in self.segments for number in each}) == 2 else 1
        gap = max(14, round(7 * centre.interval_weeks))
        days = [first + gap * n for n in range(sides) if n == 0 or first + gap * n < stop]
        for number, day in enumerate(days, 1):
            side = [5, 6, 7, 8] if number == 1 else [2, 3, 4]
            self.add(
                "procedure",
                day,
                technique=person.chosen,
                territory={"segments": side if sides == 2 else sorted({n for each in self.segments for n in each})},
                session=number,
                details=self.details(centre, sides),
            )
            if number == 1:
                self.severe("hepatic injury", day, self.day(day))

    def severe(self, term: str, day: int, procedure: str | None) -> None:
        after = day + int(self.random.integers(1, 30))
        if self.person.severe_event and after < self.person.end_days:
            self.add("adverse_event", after, term=term, ctcae={"grade": 3, "version": 5}, procedure_date=procedure)

    def details(self, centre: Centre, sides: int) -> dict[str, Any]:
        chosen = self.person.chosen
        stated: dict[str, Any] = {"selectivity": "lobar", "planned_sessions": sides, "technical_success": True}
        if chosen == "sirt_resin":
            dose_gbq = 1.4 * self.has.liver_volume_ml / 1500 / sides * math.exp(self.random.normal(0, 0.15))
            return {**stated, "injected_activity": f"{dose_gbq:.2f} GBq", "model": "bsa"}
        if "end_point" not in self.person.missing:
            stated["end_point"] = {"stasis": self.drawn(centre.stasis)}
        low, high = self.drawn(centre.particle_um).split("-")
        size = {"size_min": f"{low} um", "size_max": f"{high} um"}
        drug = self.drawn(centre.chemotherapy)
        if chosen == "ctace":
            return {**stated, "drugs": [{"drug": drug, "dose": "50 mg"}], "lipiodol": "10 mL", "particles": [{"material": "trisacryl_gelatin", **size}]}  # fmt: skip
        if chosen == "debtace":
            return {**stated, "beads": [{**size, "drug": {"drug": "doxorubicin", "dose": "50 mg"}}]}
        return {**stated, "particles": [{"material": "trisacryl_gelatin", **size}]}

    def drawn(self, shares: Mapping[Word, float]) -> Word:
        return list(shares)[pick(self.random, list(shares.values()))]

    def follow_up(self) -> None:
        """Scans at the centre's interval, progression at the first scan after it, a new treatment then, and how the person is known to be last."""
        person = self.person
        if person.treated_days is not None:
            self.scans(person.treated_days, round(person.centre.scan_months * DAYS_A_MONTH))
        state = "dead" if person.dead else "lost" if person.lost else "alive"
        self.add("status", person.end_days, state=state)

    def scans(self, treated: int, every: int) -> None:
        person = self.person
        best = float(self.random.uniform(0.45, 0.66)) if person.responds else float(self.random.uniform(0.80, 1.10))
        number = 1
        while (day := treated + every * number) < person.end_days:
            progressed = person.progression_days <= day
            if progressed or number <= _SCANS:
                before = min(1.0, best) if number > 1 else 1.0
                growth = max(1.25, 1 + 7 / (sum(sorted(self.sizes_mm)[-2:]) * before)) if progressed else 1.0
                self.add(
                    "imaging",
                    day,
                    modality="CT",
                    lesions=self.lesions(before * growth if progressed else best),
                    progression={"hepatic": progressed},
                )
                word = "PD" if progressed else "PR" if person.responds else "SD"
                self.add("assessment", day, recist11=word)
            if progressed:
                if day + 30 < person.end_days:
                    self.add("systemic", day + 30, drug="everolimus")
                return
            number += 1

    def lesions(self, factor: float) -> list[dict[str, Any]]:
        return [
            {"id": f"L{n}", "segments": where, "longest": f"{max(size * factor, 1):.1f} mm"}
            for n, (size, where) in enumerate(zip(self.sizes_mm, self.segments, strict=True), 1)
        ]


def _lesions(random: np.random.Generator, person: Person) -> tuple[Sequence[float], Sequence[list[int]]]:
    """Longest diameters in mm, largest first, and the segments of each; the largest holds a part of the tumour that fits the burden."""
    has = person.has
    count = min(_LISTED, 1 + int(random.poisson(1 + has.burden_percent / 10)))
    tumour_ml = has.liver_volume_ml * has.burden_percent / 100
    largest = float(np.clip((6000 * tumour_ml * random.uniform(0.2, 0.6) / math.pi) ** (1 / 3), 14, 160))
    sizes = sorted((largest * float(random.uniform(0.3, 0.9)) for _ in range(count - 1)), reverse=True)
    one_side = random.random() < 0.25
    choices = [5, 6, 7, 8] if one_side else [2, 3, 4, 5, 6, 7, 8]
    return [largest, *(max(size, 8.0) for size in sizes)], [[int(random.choice(choices))] for _ in range(count)]


def _marker(ratio: float, limit: float, unit: str) -> dict[str, object]:
    return {"value": round(ratio * limit, 1), "unit": unit, "upper_limit": limit}
