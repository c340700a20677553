"""What became of each lesion between two time points: the same, merged, split, new or vanished, each with a confidence, around what a person has said.

Every way to explain some lesions (a pair, several that became one, one that became several, a lesion that came or went) is a hypothesis with a cost. The
cheapest set of hypotheses that explains every lesion exactly once is found exactly, as a linear assignment is, but with merging and splitting within it. The
confidence of a hypothesis tells how much dearer the best explanation is that does without it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from liverboard.clinical.tracking import LinkStatement, MeasuredVolume, Relation, TrackedLesion, Tracking
from liverboard.errors import BadInput, MissingData
from liverboard.imaging.growth import VOLUME_ERROR, VolumeError, combined, growth, measured_volume
from liverboard.imaging.masks import crop
from liverboard.imaging.register import REGISTRATION_RULES, Registration, RegistrationRules, register_livers
from liverboard.volume import Mask

Floats = NDArray[np.float64]
_MOST_POINTS = 1500


@dataclass(frozen=True, slots=True)
class MatchRules:
    """Costs are in units of log-likelihood: a difference of 1 makes an explanation 2.7 times likelier.

    Pair: half the squared distance of the centres over its expected square, which holds the registration error, `growth_share` of the difference of the radii
    and `shape_share` of the smaller radius; half the squared ln of the volume ratio over `volume_sd`; `apart` times the share that does not overlap within
    the registration error. Alone (new or vanished): `alone`, plus `alone_per_ln` for each e-fold of volume above `alone_ml` (less below), but at least
    `alone_least`: large lesions seldom come and go. Merging or splitting: as the pair of the whole, and `join` for each part beyond the first; a part counts
    only when `part_within` of it lies in the whole, within the registration error. Explanations
    dearer by `slack` than the lesions alone are not looked at. `softness`: how a difference of cost becomes a confidence, which is at most `untrusted_most` where
    the registration failed and at most `unseen_most` where the other scan does not hold the place.
    """

    growth_share: float = 0.5
    shape_share: float = 0.2
    volume_sd: float = 0.8
    apart: float = 2.0
    alone: float = 3.5
    alone_per_ln: float = 0.5
    alone_ml: float = 0.5
    alone_least: float = 2.0
    join: float = 2.0
    part_within: float = 0.5
    slack: float = 6.0
    softness: float = 1.0
    untrusted_most: float = 0.4
    unseen_most: float = 0.1


MATCH_RULES = MatchRules()


def track_lesions(
    baseline_liver: Mask,
    baseline: Sequence[Mask],
    followup_liver: Mask,
    followup: Sequence[Mask],
    *,
    days: float | None = None,
    statements: Sequence[LinkStatement] = (),
    registration: Registration | None = None,
    rules: MatchRules = MATCH_RULES,
    registration_rules: RegistrationRules = REGISTRATION_RULES,
    error: VolumeError = VOLUME_ERROR,
) -> Tracking:
    """Follow lesions from one time point to the next; masks are LPS, whole or cropped, on any grids, and a mask's name is the lesion's id.

    `days`: from baseline to follow-up; None leaves growth out, with a warning. `registration`: made from the livers where it is not given.
    Raises BadInput: ids used twice, a statement that does not fit, days below 0; MissingData: days is 0, an empty mask; UnsupportedImage: see `register_livers`.
    """
    if days is not None and days < 0:
        raise BadInput(f"the follow-up lies {-days:g} days before the baseline", hint="Swap the two time points.")
    if days == 0:
        raise MissingData(
            "both scans are of the same day, so there is no growth rate",
            hint="Give scans of different days, or no days.",
        )
    found = registration or register_livers(baseline_liver, followup_liver, registration_rules)
    links = match_lesions(baseline, followup, found, statements=statements, rules=rules)
    warnings = list(found.quality.warnings)
    if days is None:
        warnings.append("No growth rates: the days between the scans are not known. Give the dates of both scans.")
    else:
        first = {mask.name: measured_volume(mask, 0.0, error) for mask in baseline}
        second = {mask.name: measured_volume(mask, days, error) for mask in followup}
        links = [_with_growth(link, first, second, error) for link in links]
    parameters = {**asdict(rules), **asdict(registration_rules), **asdict(error)}
    return Tracking(
        links=tuple(links),
        registration=found.quality,
        warnings=tuple(warnings),
        parameters={key: float(value) for key, value in parameters.items()},
    )


def match_lesions(
    baseline: Sequence[Mask],
    followup: Sequence[Mask],
    registration: Registration,
    *,
    statements: Sequence[LinkStatement] = (),
    rules: MatchRules = MATCH_RULES,
) -> list[TrackedLesion]:
    """Link every lesion exactly once. Least confidence first; what a person said is kept as given and comes last.

    Raises BadInput: ids used twice, statements that do not fit; MissingData: an empty mask.
    """
    sides = (_ids(baseline, "baseline"), _ids(followup, "follow-up"))
    _check(statements, sides)
    said = [{name for s in statements for name in (s.baseline, s.followup)[side]} for side in (0, 1)]
    first = [_lesion(mask) for mask in baseline if mask.name not in said[0]]
    second = [_lesion(mask) for mask in followup if mask.name not in said[1]]
    scene = _Scene.of(first, second, registration, rules)
    links = [link for cluster in _clusters(scene.hypotheses()) for link in _solved(cluster, scene)]
    # Sorted by name too, so that the order of the lesions given does not matter.
    links.sort(key=lambda link: (link.confidence or 0.0, link.baseline, link.followup))
    kept = [
        TrackedLesion(
            baseline=s.baseline,
            followup=s.followup,
            relation=s.relation,
            confidence=None,
            source="person",
            reason="a person said so",
        )
        for s in statements
    ]
    return links + kept


@dataclass(frozen=True, eq=False)
class _Lesion:
    """`points_mm`: voxel centres, evenly thinned, shape (N, 3). `reach_mm`: half a voxel's diagonal, the blur of the points."""

    id: str
    mask: Mask
    points_mm: Floats
    centre_mm: Floats
    volume_ml: float
    reach_mm: float

    @property
    def radius_mm(self) -> float:
        return _radius_mm(self.volume_ml)


@dataclass(frozen=True, slots=True)
class _Hypothesis:
    baseline: tuple[int, ...]
    followup: tuple[int, ...]
    cost: float
    distance_mm: float | None = None

    @property
    def lesions(self) -> set[tuple[int, int]]:
        """Time point (0 or 1) and number of each lesion that it explains."""
        return {(0, i) for i in self.baseline} | {(1, j) for j in self.followup}

    @property
    def relation(self) -> Relation:
        before, after = len(self.baseline), len(self.followup)
        if before == 0:
            return "new"
        if after == 0:
            return "vanished"
        return "merged" if before > 1 else "split" if after > 1 else "same"


@dataclass(frozen=True, eq=False)
class _Scene:
    """`moved_mm`: centres of the baseline lesions at follow-up. `within`: share of a baseline lesion that lies in a follow-up lesion, give or take the
    registration error; `around`: the reverse; both [baseline, follow-up]."""

    first: Sequence[_Lesion]
    second: Sequence[_Lesion]
    moved_mm: Floats
    within: Floats
    around: Floats
    unseen: tuple[NDArray[np.bool_], NDArray[np.bool_]]
    error_mm: float
    trusted: bool
    rules: MatchRules

    @staticmethod
    def of(first: Sequence[_Lesion], second: Sequence[_Lesion], found: Registration, rules: MatchRules) -> _Scene:
        there = [found.to_followup(lesion.points_mm) for lesion in first]
        back = [found.to_baseline(lesion.points_mm) for lesion in second]
        error = found.quality.lesion_error_mm
        moved = np.array([points.mean(axis=0) for points in there]).reshape(-1, 3)
        returned = np.array([points.mean(axis=0) for points in back]).reshape(-1, 3)
        return _Scene(
            first=first,
            second=second,
            moved_mm=moved,
            within=_shares(there, second, error),
            around=_shares(back, first, error).T,
            unseen=(~found.seen_at_followup(moved), ~found.seen_at_baseline(returned)),
            error_mm=error,
            trusted=found.quality.trusted,
            rules=rules,
        )

    def hypotheses(self) -> list[_Hypothesis]:
        """All that are worth a thought: each lesion alone, and what explains lesions together at less cost than each alone."""
        n, m = len(self.first), len(self.second)
        alone = [_Hypothesis((i,), (), self._alone(self.first[i])) for i in range(n)]
        alone += [_Hypothesis((), (j,), self._alone(self.second[j])) for j in range(m)]
        together = [self._together((i,), (j,)) for i in range(n) for j in range(m)]
        for j in range(m):
            together += [self._together(parts, (j,)) for parts in self._parts(self.within[:, j])]
        for i in range(n):
            together += [self._together((i,), parts) for parts in self._parts(self.around[i])]
        return alone + [h for h in together if h.cost < self._apart(h) + self.rules.slack]

    def _apart(self, h: _Hypothesis) -> float:
        return sum(self._alone(self.first[i]) for i in h.baseline) + sum(
            self._alone(self.second[j]) for j in h.followup
        )

    def _parts(self, shares: Floats) -> list[tuple[int, ...]]:
        """Sets of two or more that lie within a whole: all of them up to five parts, else those that lie within it most."""
        inside = [int(n) for n in np.argsort(-shares, kind="stable") if shares[n] >= self.rules.part_within]
        if len(inside) <= 5:
            return [parts for size in range(2, len(inside) + 1) for parts in combinations(sorted(inside), size)]
        return [tuple(sorted(inside[:size])) for size in range(2, len(inside) + 1)]

    def _alone(self, lesion: _Lesion) -> float:
        r = self.rules
        return max(r.alone_least, r.alone + r.alone_per_ln * math.log(lesion.volume_ml / r.alone_ml))

    def _together(self, baseline: tuple[int, ...], followup: tuple[int, ...]) -> _Hypothesis:
        r = self.rules
        before = np.array([self.first[i].volume_ml for i in baseline])
        after = np.array([self.second[j].volume_ml for j in followup])
        here = np.average(self.moved_mm[list(baseline)], axis=0, weights=before)
        there = np.average([self.second[j].centre_mm for j in followup], axis=0, weights=after)
        distance = float(np.linalg.norm(here - there))
        radii = _radius_mm(float(before.sum())), _radius_mm(float(after.sum()))
        expected = self.error_mm**2 + (r.growth_share * (radii[0] - radii[1])) ** 2 + (r.shape_share * min(radii)) ** 2
        ratio = math.log(after.sum() / before.sum())
        meets = np.ix_(baseline, followup)
        parts_within = float(np.average(self.within[meets].max(axis=1), weights=before))
        parts_around = float(np.average(self.around[meets].max(axis=0), weights=after))
        if len(baseline) == len(followup):
            overlap = max(parts_within, parts_around)
        else:
            overlap = parts_within if len(baseline) > 1 else parts_around
        cost = (
            distance**2 / (2 * expected)
            + 1.5 * math.log(expected / self.error_mm**2)
            + (ratio / r.volume_sd) ** 2 / 2
            + r.apart * (1 - float(overlap))
            + r.join * (len(baseline) + len(followup) - 2)
        )
        return _Hypothesis(baseline, followup, cost, distance)


def _solved(cluster: Sequence[_Hypothesis], scene: _Scene) -> list[TrackedLesion]:
    """The cheapest explanation of one cluster, each link with its confidence and the runner-up in words."""
    best = _cheapest(cluster) if len(cluster) > 1 else cluster
    total = sum(h.cost for h in best)
    links: list[TrackedLesion] = []
    for chosen in best:
        others = [h for h in cluster if h is not chosen]
        margin, instead = scene.rules.slack, list[_Hypothesis]()
        if all(any(lesion in h.lesions for h in others) for lesion in chosen.lesions):
            rest = _cheapest(others)
            margin = sum(h.cost for h in rest) - total
            instead = [h for h in rest if h.lesions & chosen.lesions]
        links.append(_link(chosen, margin, instead, scene))
    return links


def _link(chosen: _Hypothesis, margin: float, instead: Sequence[_Hypothesis], scene: _Scene) -> TrackedLesion:
    r = scene.rules
    confidence = 1 / (1 + math.exp(-margin / r.softness))
    before, after = ([scene.first[i] for i in chosen.baseline], [scene.second[j] for j in chosen.followup])
    reason = (
        f"{chosen.distance_mm:.1f} mm apart after registration"
        if chosen.distance_mm is not None
        else "nothing fits it at the other time point"
    )
    if chosen.distance_mm is not None:
        first, second = (sum(x.volume_ml for x in lesions) for lesions in (before, after))
        reason += f", {_ml(first)} became {_ml(second)}"
    if instead:
        reason += "; otherwise " + " and ".join(_in_words(h, scene) for h in instead)
    alone_at = (0, chosen.baseline) if not after else (1, chosen.followup) if not before else None
    if alone_at is not None and scene.unseen[alone_at[0]][alone_at[1][0]]:
        confidence = min(confidence, r.unseen_most)
        reason = "its place lies beyond where the other scan's liver is cut off, so nobody can tell"
    if not scene.trusted:
        confidence = min(confidence, r.untrusted_most)
        reason += "; the livers do not lie on each other"
    return TrackedLesion(
        baseline=tuple(x.id for x in before),
        followup=tuple(x.id for x in after),
        relation=chosen.relation,
        confidence=confidence,
        reason=reason,
        distance_mm=chosen.distance_mm,
    )


def _ml(volume: float) -> str:
    return f"{volume:.0f} mL" if volume >= 10 else f"{volume:.2g} mL"


def _in_words(h: _Hypothesis, scene: _Scene) -> str:
    before = ", ".join(scene.first[i].id for i in h.baseline)
    after = ", ".join(scene.second[j].id for j in h.followup)
    return f"{before} vanished" if not after else f"{after} new" if not before else f"{before} became {after}"


def _clusters(hypotheses: Sequence[_Hypothesis]) -> list[list[_Hypothesis]]:
    """Hypotheses that share lesions, directly or through others; clusters can be solved apart."""
    clusters: list[tuple[set[tuple[int, int]], list[_Hypothesis]]] = []
    for h in hypotheses:
        lesions, members = h.lesions, [h]
        for cluster in [c for c in clusters if c[0] & lesions]:
            lesions, members = lesions | cluster[0], cluster[1] + members
            clusters.remove(cluster)
        clusters.append((lesions, members))
    return [members for _, members in clusters]


def _cheapest(hypotheses: Sequence[_Hypothesis]) -> list[_Hypothesis]:
    """The set of hypotheses of least cost in which every lesion is explained exactly once."""
    from scipy import optimize as optimize_module

    optimize: Any = optimize_module
    lesions = sorted(set[tuple[int, int]]().union(*(h.lesions for h in hypotheses)))
    explains = np.array([[lesion in h.lesions for h in hypotheses] for lesion in lesions], dtype=np.float64)
    solved = optimize.milp(
        [h.cost for h in hypotheses],
        integrality=np.ones(len(hypotheses)),
        bounds=optimize.Bounds(0, 1),
        constraints=optimize.LinearConstraint(explains, 1, 1),
        options={"mip_rel_gap": 0.0},
    )
    return [h for h, taken in zip(hypotheses, solved.x, strict=True) if taken > 0.5]


def _lesion(mask: Mask) -> _Lesion:
    part = crop(mask)
    if part is None:
        raise MissingData("the lesion's mask is empty", where=mask.name, hint="Leave the lesion out, or draw it.")
    points = part.geometry.lps_mm(np.argwhere(part.array).astype(np.float64))
    thinned = points[:: math.ceil(len(points) / _MOST_POINTS)]
    return _Lesion(
        id=mask.name,
        mask=part,
        points_mm=thinned,
        centre_mm=points.mean(axis=0),
        volume_ml=len(points) * part.geometry.voxel_volume_ml,
        reach_mm=float(np.linalg.norm(part.geometry.spacing_mm)) / 2,
    )


def _shares(clouds: Sequence[Floats], lesions: Sequence[_Lesion], tolerance_mm: float) -> Floats:
    """The share of each cloud's points that lie in each lesion or within the tolerance of it, [cloud, lesion]."""
    found = np.zeros((len(clouds), len(lesions)))
    for column, lesion in enumerate(lesions):
        inverse: Any = np.linalg.inv(lesion.mask.geometry.affine)
        shape = np.array(lesion.mask.array.shape)
        tree: Any = KDTree(lesion.points_mm)
        size = float(np.linalg.norm(lesion.points_mm - lesion.centre_mm, axis=1).max()) + lesion.reach_mm + tolerance_mm
        for row, points in enumerate(clouds):
            near = points[np.linalg.norm(points - lesion.centre_mm, axis=1) <= size]
            if not len(near):
                continue
            index: Any = np.asarray(np.round(near @ inverse[:3, :3].T + inverse[:3, 3]), dtype=np.int64)
            on = ((index >= 0) & (index < shape)).all(axis=1)
            hit = np.zeros(len(near), np.bool_)
            hit[on] = lesion.mask.array[tuple(index[on].T)]
            if not hit.all():
                hit[~hit] = tree.query(near[~hit], distance_upper_bound=tolerance_mm + lesion.reach_mm)[0] < math.inf
            found[row, column] = hit.sum() / len(points)
    return found


def _radius_mm(volume_ml: float) -> float:
    return (3000 * volume_ml / (4 * math.pi)) ** (1 / 3)


def _with_growth(
    link: TrackedLesion, first: dict[str, MeasuredVolume], second: dict[str, MeasuredVolume], error: VolumeError
) -> TrackedLesion:
    if not link.baseline or not link.followup:
        return link
    volumes = [combined([first[i] for i in link.baseline]), combined([second[j] for j in link.followup])]
    return link.model_copy(update={"growth": growth(volumes, error)})


def _ids(masks: Sequence[Mask], when: str) -> list[str]:
    names = [mask.name for mask in masks]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadInput(
            f"the {when} lesions have an id more than once: {', '.join(twice)}", hint="Give each lesion its own id."
        )
    return names


def _check(statements: Sequence[LinkStatement], sides: tuple[list[str], list[str]]) -> None:
    counts: dict[Relation, str] = {
        "same": "one lesion at each time point",
        "merged": "two or more baseline lesions and one follow-up lesion",
        "split": "one baseline lesion and two or more follow-up lesions",
        "new": "one follow-up lesion and no baseline lesion",
        "vanished": "one baseline lesion and no follow-up lesion",
    }
    used: set[tuple[int, str]] = set()
    for number, statement in enumerate(statements, 1):
        where = f"statement {number} ({statement.relation})"
        for side, (names, when) in enumerate(((statement.baseline, "baseline"), (statement.followup, "follow-up"))):
            for name in names:
                if name not in sides[side]:
                    raise BadInput(
                        f"there is no {when} lesion '{name}'",
                        where=where,
                        hint=f"The {when} lesions are: {', '.join(sides[side]) or 'none'}.",
                    )
                if (side, name) in used:
                    raise BadInput(
                        f"the {when} lesion '{name}' is used twice",
                        where=where,
                        hint="Name each lesion in one statement only, and once.",
                    )
                used.add((side, name))
        before, after = len(statement.baseline), len(statement.followup)
        fits = {
            "same": before == after == 1,
            "merged": before > 1 and after == 1,
            "split": before == 1 and after > 1,
            "new": before == 0 and after == 1,
            "vanished": before == 1 and after == 0,
        }
        if not fits[statement.relation]:
            raise BadInput(
                f"{before} baseline and {after} follow-up lesions were named",
                where=where,
                hint=f"'{statement.relation}' needs {counts[statement.relation]}.",
            )
