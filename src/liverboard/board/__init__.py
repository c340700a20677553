"""The one service that composes a dossier: `prepare_dossier`. The command line, the web app and a Python caller get the same object from it."""
