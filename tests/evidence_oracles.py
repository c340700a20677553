"""The numeric oracles of evidence synthesis: study tables and the values that R gave for them, read by number."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).parent / "oracles" / "data" / "evidence"
CLOSED_FORM = 1e-8
ITERATIVE = 1e-4
PUBLISHED = 5e-4


def oracle(number: str) -> dict[str, Any]:
    return json.loads(next(FOLDER.glob(f"{number}_*.json")).read_text(encoding="utf-8"))


def rows(number: str) -> list[dict[str, str]]:
    with next(FOLDER.glob(f"{number}_*.csv")).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def column(table: list[dict[str, str]], name: str) -> NDArray[np.float64]:
    return np.array([float(row[name]) for row in table])
