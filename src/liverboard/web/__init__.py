"""The web app that a board works in."""
