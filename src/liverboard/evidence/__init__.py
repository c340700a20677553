"""The study catalogue: what was published, checked, pooled by technique and outcome, with its certainty, and kept alive."""
