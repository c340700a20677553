"""An audit as a file: a page, its JSON, or the verdicts of every case for the centre."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from liverboard.errors import BadInput, NotPermitted
from liverboard.options.audit import Audit
from liverboard.options.audit_report import AuditReport
from liverboard.report.write import write_files
from liverboard.spreadsheets import as_csv

_BY_CASE: Final = (".csv", ".parquet")
_ENDINGS: Final = (".html", ".json", *_BY_CASE)


def check_ending(path: Path, *, export: bool) -> None:
    """Raises BadInput for an ending that no audit has, NotPermitted where cases would be marked for export. Called before the work."""
    if path.suffix.lower() not in _ENDINGS:
        raise BadInput(
            f"'{path.suffix or path.name}' is no ending of an audit",
            where=path.name,
            hint=f"Choose one of {', '.join(_ENDINGS)}.",
        )
    if export and path.suffix.lower() in _BY_CASE:
        raise NotPermitted(
            "verdicts of single cases stay in the centre",
            where=path.name,
            hint="With --export choose .html or .json: they hold counts alone. Without --export the cases can be written.",
        )


def write_audit(audit: Audit, report: AuditReport, path: Path) -> None:
    """Write the file that the ending asks for; `report`: as measured or made ready for export. Raises as `check_ending` and `write_files`."""
    check_ending(path, export=report.export)
    makers: Mapping[str, Callable[[], bytes]] = {
        ".html": lambda: _html(report),
        ".json": lambda: _json(report),
        ".csv": lambda: as_csv(audit.verdicts),
        ".parquet": lambda: _parquet(audit),
    }
    write_files({path: makers[path.suffix.lower()]()})


def _json(report: AuditReport) -> bytes:
    return (report.model_dump_json(indent=2) + "\n").encode()


def _html(report: AuditReport) -> bytes:
    from liverboard.report.audit_page import render_audit

    return render_audit(report).encode()


def _parquet(audit: Audit) -> bytes:
    packed = io.BytesIO()
    audit.verdicts.write_parquet(packed)
    return packed.getvalue()
