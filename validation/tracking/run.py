"""How many links of simulated follow-ups are right, by relation and by confidence, beside a nearest-centre rule. Writes results.json here.

python validation/tracking/run.py [cases]        (40 cases by default; they are not the ones that the rules were tuned on)
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
from simulate import FollowUp, Link, follow_up, relation

from liverboard.clinical.tracking import TrackedLesion
from liverboard.imaging.register import Registration, RegistrationRules, register_livers
from liverboard.imaging.track import match_lesions
from liverboard.volume import Mask

HERE = Path(__file__).parent
FIRST_SEED = 0
RELATIONS = ("same", "merged", "split", "new", "vanished")
BINS = (0.0, 0.5, 0.7, 0.9, 0.97, 1.0001)
NEAREST_MM = 30.0


def nearest(case: FollowUp, shift: np.ndarray) -> list[Link]:
    """Each other's nearest centre within 30 mm is the same lesion; the rest vanished or is new."""
    first, second = (np.array([centre(m) for m in masks]).reshape(-1, 3) for masks in case.lesions)
    gaps = np.linalg.norm((first + shift)[:, None] - second[None], axis=2)
    links: list[Link] = []
    left = {m.name for m in case.lesions[1]}
    for i, mask in enumerate(case.lesions[0]):
        j = int(gaps[i].argmin()) if gaps.size else -1
        mutual = j >= 0 and int(gaps[:, j].argmin()) == i and gaps[i, j] <= NEAREST_MM
        links.append((frozenset({mask.name}), frozenset({case.lesions[1][j].name} if mutual else ())))
        left -= links[-1][1]
    return links + [(frozenset(), frozenset({name})) for name in sorted(left)]


def centre(mask: Mask) -> np.ndarray:
    return mask.geometry.lps_mm(np.argwhere(mask.array).astype(float)).mean(axis=0)


def as_links(found: list[TrackedLesion]) -> list[Link]:
    return [(frozenset(x.baseline), frozenset(x.followup)) for x in found]


class Score:
    """Counts of true, found and right links by relation."""

    def __init__(self) -> None:
        self.true, self.found, self.right = Counter[str](), Counter[str](), Counter[str]()

    def add(self, truth: list[Link], found: list[Link]) -> None:
        for link in truth:
            self.true[relation(link)] += 1
        for link in found:
            self.found[relation(link)] += 1
            self.right[relation(link)] += link in truth

    def table(self) -> dict[str, dict[str, float | int | None]]:
        rows: dict[str, dict[str, float | int | None]] = {}
        for name in (*RELATIONS, "all"):
            true, found, right = (
                sum(c.values()) if name == "all" else c[name] for c in (self.true, self.found, self.right)
            )
            rows[name] = {
                "true": true, "found": found, "right": right,
                "share_of_true_found": round(right / true, 3) if true else None,
                "share_of_found_right": round(right / found, 3) if found else None,
            }  # fmt: skip
        return rows


def errors_mm(case: FollowUp, found: Registration) -> np.ndarray:
    return np.linalg.norm(found.to_followup(case.centres[0]) - case.centres[1], axis=1)


def spread(values: list[float]) -> dict[str, float]:
    return {
        "mean": round(float(np.mean(values)), 2),
        "median": round(float(np.median(values)), 2),
        "percentile_95": round(float(np.percentile(values, 95)), 2),
        "largest": round(float(np.max(values)), 2),
    }


def phantoms() -> list[dict[str, object]]:
    """The phantom's own follow-ups, with the truth that it states."""
    from liverboard.phantom import PhantomPlan, make_phantom

    rows: list[dict[str, object]] = []
    for seed in (1, 2, 3):
        made = make_phantom(PhantomPlan(seed=seed, size="small", followup=True))
        if made.followup is None:
            continue
        times = made.baseline, made.followup
        livers = [Mask("Liver", t.liver, t.geometry) for t in times]
        masks = [
            [Mask(m.id, t.lesions == n, t.geometry) for n, m in enumerate(t.metastases, 1) if (t.lesions == n).any()]
            for t in times
        ]
        drawn = [{m.name for m in each} for each in masks]
        truth = [
            (frozenset(m.came_from) & drawn[0], frozenset({m.id})) for m in times[1].metastases if m.id in drawn[1]
        ]
        truth += [(frozenset({name}), frozenset[str]()) for name in sorted(drawn[0].difference(*(t[0] for t in truth)))]
        registration = register_livers(livers[0], livers[1])
        found = match_lesions(masks[0], masks[1], registration)
        right = sum(link in truth for link in as_links(found))
        rows.append({
            "phantom_seed": seed, "true": dict(Counter(map(relation, truth))), "links": len(found), "right": right,
            "least_confidence": round(min(link.confidence or 0.0 for link in found), 3), "dice": round(registration.quality.dice_after, 3),
        })  # fmt: skip
    return rows


def measured(cases: int, *, hard: bool, first_seed: int = FIRST_SEED) -> dict[str, object]:
    scores = {
        name: Score()
        for name in ("liverboard", "liverboard_rigid_only", "nearest_centre_liver_centred", "nearest_centre")
    }
    bins: list[list[bool]] = [[] for _ in BINS[1:]]
    errors: dict[str, list[float]] = {"before": [], "rigid": [], "after": []}
    ratio: list[float] = []
    seconds: list[float] = []
    methods, flagged = Counter[str](), 0
    for seed in range(first_seed, first_seed + cases):
        case = follow_up(seed, hard=hard)
        started = time.perf_counter()
        registration = register_livers(*case.livers)
        found = match_lesions(*case.lesions, registration)
        seconds.append(time.perf_counter() - started)
        rigid = register_livers(*case.livers, RegistrationRules(deformable=False))
        scores["liverboard"].add(case.links, as_links(found))
        scores["liverboard_rigid_only"].add(case.links, as_links(match_lesions(*case.lesions, rigid)))
        scores["nearest_centre_liver_centred"].add(
            case.links, nearest(case, centre(case.livers[1]) - centre(case.livers[0]))
        )
        scores["nearest_centre"].add(case.links, nearest(case, np.zeros(3)))
        for link, tracked in zip(as_links(found), found, strict=True):
            place = int(np.digitize(tracked.confidence or 0.0, BINS)) - 1
            bins[place].append(link in case.links)
        errors["before"] += np.linalg.norm(case.centres[0] - case.centres[1], axis=1).tolist()
        errors["rigid"] += errors_mm(case, rigid).tolist()
        errors["after"] += errors_mm(case, registration).tolist()
        ratio += (errors_mm(case, registration) / registration.quality.lesion_error_mm).tolist()
        methods[registration.quality.method] += 1
        flagged += not registration.quality.trusted
        print(f"case {seed}: {len(found)} links, {sum(x in case.links for x in as_links(found))} right", flush=True)
    return {
        "cases": cases,
        "first_seed": first_seed,
        "registration": dict(methods),
        "not_trusted": flagged,
        "error_at_lesion_centres_mm": {name: spread(values) for name, values in errors.items()},
        "error_over_expected_per_axis": spread([r / 3**0.5 for r in ratio]),
        "seconds_per_case": spread(seconds),
        "links": {name: score.table() for name, score in scores.items()},
        "confidence": [
            {"from": low, "below": min(high, 1.0), "links": len(rights), "share_right": round(float(np.mean(rights)), 3) if rights else None}
            for low, high, rights in zip(BINS[:-1], BINS[1:], bins, strict=True)
        ],
    }  # fmt: skip


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    results = {
        "usual": measured(count, hard=False),
        "hard": measured(count, hard=True),
        "phantom": phantoms(),
    }
    text = json.dumps(results, indent=1) + "\n"
    (HERE / "results.json").write_text(text, encoding="utf-8")
    print(text)
