"""Measuring the liver and its lesions from masks: count, volumes, diameters, burden; and the slices worth looking at."""

from liverboard.imaging.key_slices import KeySlice, SliceOutline, best_slices
from liverboard.imaging.measure import Roles, guess_roles, measure_extent

__all__ = ["KeySlice", "Roles", "SliceOutline", "best_slices", "guess_roles", "measure_extent"]
