"""The rule language: load, check and evaluate predicates over facts. No clinical content here; that is data under `knowledge/options/`."""
