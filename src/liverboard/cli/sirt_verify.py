"""`liverboard sirt verify`: predicted beside delivered dose."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from liverboard.cli.parameters import AsOf, CasePath, Json, Sample, day, today

if TYPE_CHECKING:
    from liverboard.sirt.verify import MeanDose, Verification


def verify(
    case: CasePath = None,
    sample: Sample = None,
    plan: Annotated[
        Path | None, typer.Option(metavar="F", help="Without a case: what `sirt activity --json` wrote.")
    ] = None,
    dose: Annotated[
        Path | None, typer.Option(metavar="F", help="Without a case: what `sirt dose --json` wrote, or its dose.json.")
    ] = None,
    lesion: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="With --plan: what each of its tumours is called in the image."),
    ] = None,
    as_of: AsOf = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="DIR", help="Folder for verify.html, verify.svg and verify.json."),
    ] = None,
    json: Json = False,
) -> None:
    """Predicted (plan) beside delivered dose (after treatment): each lesion and the non-tumour liver, with differences and their intervals."""
    from liverboard.board.load import open_case
    from liverboard.board.sirt_verify import verify_case, verify_files
    from liverboard.cli.show import progress, show_json

    whole = case is not None or sample is not None
    if whole == (plan is not None or dose is not None) or (not whole and (plan is None or dose is None)):
        raise typer.BadParameter("give a CASE, or --plan and --dose")
    with progress("Verify") as step:
        if plan is not None and dose is not None:
            found = verify_files(plan, dose, lesion or ())
        else:
            opened = open_case(case, sample=sample)
            found = verify_case(opened, day(as_of) or opened.case.as_of or today(), step)
        document = found.model_dump(mode="json")
        if out is not None:
            from liverboard.report.verify_page import write_verification

            document = write_verification(out, found)
    if json:
        show_json(document)
        return
    _show(found)
    if out is not None:
        typer.echo(f"wrote {out}")


def _show(found: Verification) -> None:
    from rich.markup import escape
    from rich.table import Table

    from liverboard.cli.show import out_console

    out = out_console()
    out.print(f"predicted  {escape(found.predicted_from)}", soft_wrap=True)
    out.print(f"delivered  {escape(found.delivered_from)}", soft_wrap=True)
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("")
    for name in ("predicted Gy", "delivered Gy", "difference %", "agree"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in found.compared:
        percent = (each.difference_percent, each.difference_low_percent, each.difference_high_percent)
        table.add_row(
            escape(each.name),
            _dose(each.predicted),
            _dose(each.delivered),
            "" if percent[0] is None else _signed(percent[0], *percent[1:]),
            {True: "yes", False: "no", None: "not known"}[each.agrees],
        )
    out.print(table)
    for each in found.compared:
        if each.note:
            out.print(f"note       {escape(each.name)}: {escape(each.note)}", soft_wrap=True)
    for one in found.not_compared:
        out.print(f"not compared  {escape(one.name)}: {escape(one.why)}", soft_wrap=True)
    for text in found.warnings:
        out.print(f"note       {escape(text)}", soft_wrap=True)


def _dose(dose: MeanDose) -> str:
    ends = "" if dose.low_gy is None or dose.high_gy is None else f" ({dose.low_gy:.0f}-{dose.high_gy:.0f})"
    return f"{dose.mean_gy:.1f}{ends}"


def _signed(value: float, low: float | None, high: float | None) -> str:
    ends = "" if low is None or high is None else f" ({low:+.0f} to {high:+.0f})"
    return f"{value:+.1f}{ends}" if abs(value) < 10 else f"{value:+.0f}{ends}"
