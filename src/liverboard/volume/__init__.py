"""Images as arrays with geometry in LPS millimetres. The only room that knows image files."""

from liverboard.volume.geometry import Geometry, Image, Mask
from liverboard.volume.read import read_image, read_masks
from liverboard.volume.resample import resample

__all__ = ["Geometry", "Image", "Mask", "read_image", "read_masks", "resample"]
