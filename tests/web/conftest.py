"""Every test here may ask for `site`, and for visitors of it."""

from tests.web_samples import chair, clock, editor, filled, site, viewer

__all__ = ["chair", "clock", "editor", "filled", "site", "viewer"]
