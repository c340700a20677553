"""Segmented imagings of a case measured and followed: every lesion gets the name that it had on the scan before."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from liverboard.board.measured import KnownAt, Step

if TYPE_CHECKING:
    from liverboard.board.follow_case import FollowedCase


def follow_images(found: FollowedCase, folder: Path, as_of: dt.date, known_at: KnownAt, *, step: Step) -> None:
    """Fill `found`."""
