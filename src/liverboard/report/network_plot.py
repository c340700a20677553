"""Network plot: treatments as nodes, compared pairs as edges, multi-arm studies shaded; and its table twin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from liverboard.report.canvas import SMALL, Canvas, fit, many, width_of, wrapped
from liverboard.report.palette import PRINT, Palette
from liverboard.report.words import clean, counted


@dataclass(frozen=True, slots=True)
class NetworkNode:
    """A treatment: how many studies and, where known, patients it has."""

    label: str
    studies: int
    patients: float | None = None


@dataclass(frozen=True, slots=True)
class NetworkEdge:
    """A compared pair, by labels, and the number of its studies."""

    a: str
    b: str
    studies: int


@dataclass(frozen=True, slots=True)
class NetworkPicture:
    """What a network plot shows. `multi_arm`: the arms of each study of three or more, by labels."""

    nodes: tuple[NetworkNode, ...]
    edges: tuple[NetworkEdge, ...]
    multi_arm: tuple[tuple[str, ...], ...] = ()
    studies: int = 0

    @property
    def by_patients(self) -> bool:
        return bool(self.nodes) and all(n.patients is not None for n in self.nodes)


def network_finding(picture: NetworkPicture) -> str:
    """Title that states the finding."""
    pairs = len(picture.nodes) * (len(picture.nodes) - 1) // 2
    most = max(picture.nodes, key=lambda n: n.studies, default=None)
    says = f"{counted(picture.studies, 'study', 'studies')} of {counted(len(picture.nodes), 'treatment')}: {len(picture.edges)} of {counted(pairs, 'pair')} compared directly"
    return says + (
        f"; most studies have {clean(most.label)} ({most.studies})" if most is not None and pairs > 1 else ""
    )


def network_says(picture: NetworkPicture) -> str:
    """The picture in words."""
    thick = sorted(picture.edges, key=lambda e: -e.studies)[:5]
    parts = [f"{clean(e.a)} with {clean(e.b)} ({counted(e.studies, 'study', 'studies')})" for e in thick]
    area = "patients" if picture.by_patients else "studies"
    many_arms = (
        f" {len(picture.multi_arm)} sets of arms come from studies with three or more." if picture.multi_arm else ""
    )
    return f"Network plot. Node area is the number of {area}, line width the number of studies. Most studied: {', '.join(parts) or 'none'}.{many_arms} All pairs stand in the table."


def network_table(picture: NetworkPicture) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Table twin: treatments, then compared pairs."""
    rows = [
        (clean(n.label), "", many(n.studies), many(n.patients) if n.patients is not None else "not known")
        for n in picture.nodes
    ]
    rows += [(clean(e.a), clean(e.b), many(e.studies), "") for e in picture.edges]
    return ("Treatment", "Compared with", "Studies", "Patients"), rows


def _order(picture: NetworkPicture) -> list[NetworkNode]:
    """Nodes around the circle so that few edges cross: swaps as long as one helps."""
    nodes = list(picture.nodes)
    if len(nodes) < 4 or len(nodes) > 16:
        return nodes

    def cost(order: Sequence[NetworkNode]) -> float:
        place = {n.label: i for i, n in enumerate(order)}
        spans = [tuple(sorted((place[e.a], place[e.b]))) for e in picture.edges]
        crossings = sum(a < c < b < d or c < a < d < b for (a, b), (c, d) in combinations(spans, 2))
        return crossings + 0.01 * sum(min(b - a, len(order) - b + a) for a, b in spans)

    best, better = cost(nodes), True
    while better:
        better = False
        for i, j in combinations(range(len(nodes)), 2):
            nodes[i], nodes[j] = nodes[j], nodes[i]
            now = cost(nodes)
            if now < best - 1e-9:
                best, better = now, True
            else:
                nodes[i], nodes[j] = nodes[j], nodes[i]
    return nodes


def network_svg(picture: NetworkPicture, palette: Palette = PRINT, *, width: int = 960, prefix: str = "network") -> str:
    """Nodes on an ellipse, with their names outside; below 600 with letters, and the names beneath."""
    c, narrow = Canvas(width, palette), width < 600
    nodes = _order(picture)
    if not nodes:
        c.text(0, 18, "No treatment", "soft")
        return c.svg(32, network_finding(picture), network_says(picture), prefix)
    across, tall = (140.0, 120.0) if narrow else (250.0, 168.0)
    if len(nodes) < 3:
        tall = 40.0 if len(nodes) == 2 else 1.0
    x0, y0 = width / 2, tall + (44 if narrow else 68)
    turn = math.pi if len(nodes) == 2 else -math.pi / 2
    at = {
        n.label: (
            x0 + across * math.cos(turn + 2 * math.pi * i / len(nodes)),
            y0 + tall * math.sin(turn + 2 * math.pi * i / len(nodes)),
        )
        for i, n in enumerate(nodes)
    }
    for i, arms in enumerate(picture.multi_arm):
        middle = (sum(at[a][0] for a in arms) / len(arms), sum(at[a][1] for a in arms) / len(arms))
        round_ = sorted((at[a] for a in arms), key=lambda p: math.atan2(p[1] - middle[1], p[0] - middle[0]))
        d = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in round_) + "Z"
        c.shape(d, fill=("teal", "violet", "amber")[i % 3], opacity=0.16)
    widest = max((e.studies for e in picture.edges), default=1)
    for e in picture.edges:
        (x1, y1), (x2, y2) = at[e.a], at[e.b]
        c.line(x1, y1, x2, y2, "mark", max(1.2, min(14 * e.studies / max(widest, 7), 14)))
    sizes = {n.label: (n.patients if picture.by_patients else n.studies) or 0 for n in nodes}
    largest = max(sizes.values()) or 1
    radius = {k: max((16 if narrow else 24) * math.sqrt(v / largest), 4.0) for k, v in sizes.items()}
    for e in picture.edges:
        _count(c, at[e.a], at[e.b], e.studies)
    for n in nodes:
        c.circle(*at[n.label], radius[n.label], fill="map-4", stroke="page", wide=2)
    y = max(py for _, py in at.values()) + (44 if narrow else 64)
    for i, n in enumerate(nodes):
        if not narrow:
            _name(c, n, at[n.label], (x0, y0), radius[n.label], picture.by_patients)
            continue
        px, py = at[n.label]
        away = max(math.hypot(px - x0, py - y0), 1.0)
        off = radius[n.label] + 13
        c.text(
            px + off * (px - x0) / away, py + off * (py - y0) / away + 5, _letter(i), "ink", 600, "middle", halo=True
        )
        rest = f"  {_size(n, picture.by_patients)}"
        name = fit(n.label, width - 28 - width_of(rest), weight=600)
        c.text(0, y + 14, _letter(i), "ink", 600)
        c.text(28, y + 14, name, "ink", 600, full=n.label, after=rest)
        y += 22
    y += 8 if narrow else 0
    area = "patients" if picture.by_patients else "studies"
    note = f"Node area: number of {area}. Line width and the number on it: studies that compare the pair."
    if picture.multi_arm:
        note += " Shaded: arms of one study with three or more."
    for line in wrapped(note, width):
        c.text(0, y + 14, line, "soft")
        y += 20
    return c.svg(y + 6, network_finding(picture), network_says(picture), prefix)


def _letter(i: int) -> str:
    return chr(ord("A") + i) if i < 26 else str(i + 1)


def _size(n: NetworkNode, by_patients: bool) -> str:
    known = by_patients and n.patients is not None
    return f"{many(n.patients or 0)} patients" if known else counted(n.studies, "study", "studies")


def _count(c: Canvas, a: tuple[float, float], b: tuple[float, float], studies: int) -> None:
    """The number of studies on a line, a little off its middle so that crossing lines keep theirs apart."""
    share = 0.42 if (a[0], a[1]) < (b[0], b[1]) else 0.58
    c.text(
        a[0] + share * (b[0] - a[0]),
        a[1] + share * (b[1] - a[1]) + 4.5,
        many(studies),
        "ink",
        600,
        "middle",
        size=SMALL,
        halo=True,
    )


def _name(
    c: Canvas, n: NetworkNode, at: tuple[float, float], middle: tuple[float, float], r: float, by_patients: bool
) -> None:
    """Name and size outside the node, on the side away from the middle."""
    dx, dy = at[0] - middle[0], at[1] - middle[1]
    size = _size(n, by_patients)
    if abs(dx) < 0.25 * max(abs(dy), 1) or (abs(dx) < 1 and abs(dy) < 1):
        y = at[1] - r - 24 if dy <= 0 else at[1] + r + 18
        room = 2 * min(at[0], c.width - at[0])
        c.text(at[0], y, fit(n.label, room, weight=600), "ink", 600, "middle", full=n.label, halo=True)
        c.text(at[0], y + 17, fit(size, room), "soft", anchor="middle", halo=True)
        return
    anchor, x = ("start", at[0] + r + 8) if dx > 0 else ("end", at[0] - r - 8)
    room = c.width - x if dx > 0 else x
    lines = [fit(n.label, room, weight=600)]
    if lines[0].endswith("…") and not n.label.endswith("…") and width_of(n.label, weight=600) < 3 * room:
        lines = [fit(line, room, weight=600) for line in wrapped(n.label, room * 0.86)][:2]
    y = at[1] + 1 - 9 * (len(lines) - 1)
    for line in lines:
        c.text(x, y, line, "ink", 600, anchor, full=n.label, halo=True)
        y += 17
    c.text(x, y, fit(size, room), "soft", anchor=anchor, halo=True)
