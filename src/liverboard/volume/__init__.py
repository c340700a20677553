"""Images as arrays with geometry in LPS millimetres. The only room that knows image files."""

from liverboard.volume.geometry import Decay, Geometry, Image, LabelMap, Mask, Origin
from liverboard.volume.read import list_series, read_image, read_label_maps, read_masks
from liverboard.volume.resample import resample, resample_counts

__all__ = [
    "Decay",
    "Geometry",
    "Image",
    "LabelMap",
    "Mask",
    "Origin",
    "list_series",
    "read_image",
    "read_label_maps",
    "read_masks",
    "resample",
    "resample_counts",
]
