"""The doses at which isodose lines are drawn."""

from __future__ import annotations

# Round levels, a convention of this project and no limits: at most five are drawn.
LEVELS_GY = (10, 20, 40, 70, 100, 150, 200, 300, 400, 600, 800, 1200)


def isodose_levels_gy(highest_gy: float) -> list[int]:
    """At most five levels below the highest dose, spread evenly; the lowest one where all lie above."""
    below = [level for level in LEVELS_GY if level < 0.95 * highest_gy] or [LEVELS_GY[0]]
    return below if len(below) <= 5 else [below[round(n * (len(below) - 1) / 4)] for n in range(5)]
