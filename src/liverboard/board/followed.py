"""A case as response is judged from, with how its lesions grew."""

from __future__ import annotations

from dataclasses import dataclass, field

from liverboard.clinical.events import Case
from liverboard.clinical.tracking import Growth

NamedGrowth = tuple[str, Growth, str]


@dataclass(slots=True)
class FollowedCase:
    """`case`: as given, with measured lesions where none were typed. `growth`: lesion, growth over all its volumes, and the same in words."""

    case: Case
    growth: list[NamedGrowth] = field(default_factory=list[NamedGrowth])
    warnings: list[str] = field(default_factory=list[str])
