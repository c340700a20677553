"""Statistics on studies and on people: meta-analysis, survival, reconstruction. Numbers in, numbers out; no clinical content, no files."""
