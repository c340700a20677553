"""From masks and images to lesions, their places, burden and pattern. Pure: arrays in, values out."""

from liverboard.imaging.key_slices import KeySlice, SliceOutline, best_slices, even_slices, slice_at, slice_of
from liverboard.imaging.masks import crop, masks_of
from liverboard.imaging.measure import Measurement, Roles, Scan, guess_roles, measure_extent
from liverboard.imaging.segments import as_segments

__all__ = [
    "KeySlice",
    "Measurement",
    "Roles",
    "Scan",
    "SliceOutline",
    "as_segments",
    "best_slices",
    "crop",
    "even_slices",
    "guess_roles",
    "masks_of",
    "measure_extent",
    "slice_at",
    "slice_of",
]
