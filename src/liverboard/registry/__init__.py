"""The registry: every case of every centre in one store, append-only where it must be, with a keyed audit trail."""
