"""Every criterion by its name."""

from __future__ import annotations

from collections.abc import Mapping

from liverboard.clinical.response import Criterion
from liverboard.response.choi import CHOI, MCHOI
from liverboard.response.easl import EASL
from liverboard.response.mrecist import MRECIST
from liverboard.response.recist11 import RECIST11
from liverboard.response.sums import Measure
from liverboard.response.volumetric import VIABLE_VOLUME, VOLUMETRIC
from liverboard.response.who import WHO

CRITERIA: Mapping[Criterion, Measure] = {
    each.criterion: each for each in (RECIST11, MRECIST, EASL, WHO, CHOI, MCHOI, VOLUMETRIC, VIABLE_VOLUME)
}
