"""Every test here may ask for `store`, and then runs on SQLite and on PostgreSQL."""

from tests.registry_samples import clock, data_folder, postgres, store

__all__ = ["clock", "data_folder", "postgres", "store"]
