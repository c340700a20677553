"""Every test here may ask for `site`, for visitors of it, and for its `address` in a browser."""

from tests.web_browser import address
from tests.web_samples import chair, clock, editor, filled, site, viewer

__all__ = ["address", "chair", "clock", "editor", "filled", "site", "viewer"]
