"""Every test here may ask for `site`, and for visitors of it."""

from tests.web_samples import chair, clock, editor, site, viewer

__all__ = ["chair", "clock", "editor", "site", "viewer"]
