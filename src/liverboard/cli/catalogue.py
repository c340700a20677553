"""`liverboard evidence pool|list|add|diff|import|export|report`: the study catalogue."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from liverboard.cli.parameters import Json, today

if TYPE_CHECKING:
    from liverboard.evidence.states import CentreCatalogue

Folder = Annotated[
    Path | None,
    typer.Option(
        "--catalogue",
        metavar="DIR",
        help="The centre's own catalogue. Default: $LIVERBOARD_CATALOGUE, else liverboard/evidence in the user's data folder. "
        "It lies over the packaged one.",
    ),
]


def centre_folder(folder: Path | None) -> Path:
    """Where the centre's catalogue lies."""
    if folder is not None:
        return folder
    if named := os.environ.get("LIVERBOARD_CATALOGUE"):
        return Path(named)
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "liverboard" / "evidence"


def open_catalogue(folder: Path | None) -> CentreCatalogue:
    """The packaged catalogue under the centre's own studies and judgements. Raises BadInput."""
    from liverboard.evidence.states import open_centre

    return open_centre(centre_folder(folder))


def pool(
    technique: Annotated[
        str,
        typer.Option(
            "--technique",
            metavar="T",
            help="An option (tae, ctace, sirt_resin, ...), a technique of the catalogue (tace_nos, rfa, ...), or a group (all_sirt, ...).",
        ),
    ],
    outcome: Annotated[
        str,
        typer.Option(
            "--outcome",
            metavar="O",
            help="objective_response, symptom_response, os_median_months, ...; `evidence list` shows all.",
        ),
    ],
    alone: Annotated[
        bool, typer.Option("--alone", help="The technique alone, where an option of its name is read with others.")
    ] = False,
    folder: Folder = None,
    json: Json = False,
) -> None:
    """A pooled estimate with its studies, heterogeneity, prediction interval and certainty; what is left out, and why."""
    from liverboard.cli.show import show_json
    from liverboard.cli.show_catalogue import show_pool
    from liverboard.evidence.pools import ask, pool_of

    centre = open_catalogue(folder)
    found = pool_of(centre.catalogue, ask(technique, outcome, centre.catalogue, alone=alone), centre.judgements)
    if json:
        show_json({**found.as_json(), "own_studies": centre.own})
    else:
        show_pool(found, own=centre.own)


def list_studies(
    checks: Annotated[
        bool, typer.Option("--checks", help="What the consistency checks find instead of the studies.")
    ] = False,
    published: Annotated[
        bool, typer.Option("--published", help="Published pools beside ours instead of the studies.")
    ] = False,
    technique: Annotated[
        str | None, typer.Option("--technique", metavar="T", help="Only studies of this name.")
    ] = None,
    folder: Folder = None,
    json: Json = False,
) -> None:
    """The catalogue: its studies with design and source, which pools have data, what the checks find."""
    from liverboard.cli.show import show_json
    from liverboard.cli.show_catalogue import show_findings, show_list, show_published
    from liverboard.evidence.checks import run_checks
    from liverboard.evidence.listing import listing_of
    from liverboard.evidence.published import beside_published

    centre = open_catalogue(folder)
    if checks:
        findings = run_checks(centre.catalogue)
        document: dict[str, object] = {"findings": [each.model_dump(mode="json") for each in findings]}
        if json:
            show_json(document)
        else:
            show_findings(findings)
    elif published:
        rows = beside_published(centre.catalogue)
        if json:
            show_json({"published": [each.model_dump(mode="json") for each in rows]})
        else:
            show_published(rows)
    else:
        listing = listing_of(centre, technique)
        if json:
            show_json(listing.model_dump(mode="json"))
        else:
            show_list(listing)


def add(
    study: Annotated[
        Path, typer.Argument(metavar="STUDY.yaml", help="One study; its form: docs/reference/study-format.md.")
    ],
    dry: Annotated[bool, typer.Option("--dry-run", help="Show what it would change; write nothing.")] = False,
    folder: Folder = None,
    json: Json = False,
) -> None:
    """Add a study to the centre's catalogue: checked, then every pool before and after, certainty, and the option cards that change."""
    from liverboard.cli.show import progress, show_json
    from liverboard.cli.show_catalogue import added_document, show_added
    from liverboard.evidence.living import read_text
    from liverboard.evidence.states import add_study, open_centre
    from liverboard.report.write import write_files

    place = centre_folder(folder)
    text = read_text(study, "the study")
    with progress("Adding the study") as step:
        centre = open_centre(place)
        added = add_study(centre, text, study.name, date=today(), step=step)
        if not dry:
            write_files({place / name: content for name, content in added.contents.items()})
    if json:
        show_json(added_document(added, written=not dry))
    else:
        show_added(added, None if dry else place)


def diff(
    before: Annotated[
        str, typer.Argument(metavar="A", help="A state: the start of its hash, its number, `packaged` or `current`.")
    ],
    after: Annotated[str, typer.Argument(metavar="B", help="The state to compare with it.")],
    folder: Folder = None,
    json: Json = False,
) -> None:
    """Two states of the catalogue beside each other: the pools that read otherwise, and the option cards that change."""
    from liverboard.cli.show import progress, show_json
    from liverboard.cli.show_catalogue import show_difference
    from liverboard.evidence.states import differ, find_state, open_centre

    place = centre_folder(folder)
    with progress("Comparing the states") as step:
        centre = open_centre(place)
        one, other = (find_state(place, name, centre.states, centre, step) for name in (before, after))
        found = differ(one, other)
    if json:
        changes = [{**each.model_dump(mode="json"), "says": each.says} for each in found.changes]
        show_json(
            {
                **found.model_dump(mode="json"),
                "dates": [one.date.isoformat(), other.date.isoformat()],
                "changes": changes,
            }
        )
    else:
        show_difference(found, one, other)


def import_records(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", help="Search results: PubMed text (nbib), RIS or CSV; or what ASReview gives back."
        ),
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="LIST.csv", help="The list to screen; made, or added to.")
    ],
    folder: Folder = None,
    json: Json = False,
) -> None:
    """Search results into one list to screen: duplicates found by DOI, PMID, and title with year; decisions taken over."""
    from liverboard.cli.show import out_console, show_json
    from liverboard.evidence.living import read_text
    from liverboard.evidence.records import merge, read_list, read_records, to_screen, write_csv
    from liverboard.report.write import write_files

    centre = open_catalogue(folder)
    records = read_list(read_text(out, "the list"), out.name) if out.is_file() else ()
    known = len(records)
    for file in files:
        records = merge(records, read_records(read_text(file, "the search results"), file.name), centre.catalogue)
    write_files({out: write_csv(records).encode()})
    count = {
        "records": len(records),
        "new": len(records) - known,
        "duplicates": sum(bool(each.duplicate_of) for each in records),
        "in_catalogue": sum(bool(each.in_catalogue) for each in records),
        "retracted": sum(bool(each.retracted) for each in records),
        "included": sum(each.included == "1" for each in records),
        "excluded": sum(each.included == "0" for each in records),
        "to_screen": sum(not each.included for each in to_screen(records)),
    }
    if json:
        show_json({**count, "list": str(out)})
    else:
        words = ", ".join(f"{value} {name.replace('_', ' ')}" for name, value in count.items())
        out_console().print(f"{words}; wrote {out}", markup=False, soft_wrap=True)


def export_records(
    records: Annotated[Path, typer.Argument(metavar="LIST.csv", help="A list that `evidence import` wrote.")],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="FILE", help="FILE.ris or FILE.csv, in the form that ASReview reads.")
    ],
    json: Json = False,
) -> None:
    """The list without duplicates for ASReview, with the decisions so far (RIS: note; CSV: column `included`)."""
    from liverboard.cli.show import out_console, show_json
    from liverboard.errors import BadInput
    from liverboard.evidence.living import read_text
    from liverboard.evidence.records import read_list, to_screen, write_csv, write_ris
    from liverboard.report.write import write_files

    listed = read_list(read_text(records, "the list"), records.name)
    if out.suffix.lower() not in {".ris", ".csv"}:
        raise BadInput("the form is not known", where=out.name, hint="Name a file that ends in .ris or .csv.")
    text = write_ris(listed) if out.suffix.lower() == ".ris" else write_csv(to_screen(listed))
    write_files({out: text.encode()})
    if json:
        show_json({"records": len(to_screen(listed)), "file": str(out)})
    else:
        out_console().print(f"{len(to_screen(listed))} records; wrote {out}", markup=False, soft_wrap=True)


def report(
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE.html", help="The page.")],
    folder: Folder = None,
    json: Json = False,
) -> None:
    """The whole catalogue as one self-contained page: every pool with its picture, what is left out, checks, published pools beside ours."""
    from liverboard.cli.show import out_console, progress, show_json
    from liverboard.evidence.states import packaged_date
    from liverboard.report.catalogue_page import render_catalogue
    from liverboard.report.write import write_files

    centre = open_catalogue(folder)
    with progress("Writing the evidence report") as step:
        dated = centre.states[-1].date if centre.states else packaged_date().date
        page = render_catalogue(centre, dated, step=step)
        write_files({out: page.encode()})
    if json:
        show_json({"page": str(out), "catalogue_hash": centre.catalogue.hash, "date": dated.isoformat()})
    else:
        out_console().print(f"wrote {out}", markup=False, soft_wrap=True)


def register(app: typer.Typer) -> None:
    """The commands of the catalogue under `evidence`."""
    app.command(
        "pool", epilog="Example: liverboard evidence pool --technique sirt_resin --outcome objective_response --json"
    )(pool)
    app.command("list", epilog="Example: liverboard evidence list --technique debtace")(list_studies)
    app.command("add", epilog="Example: liverboard evidence add study.yaml --catalogue our-evidence")(add)
    app.command("diff", epilog="Example: liverboard evidence diff packaged current --json")(diff)
    app.command("import", epilog="Example: liverboard evidence import pubmed.nbib embase.ris -o to-screen.csv")(
        import_records
    )
    app.command("export", epilog="Example: liverboard evidence export to-screen.csv -o asreview.ris")(export_records)
    app.command("report", epilog="Example: liverboard evidence report -o evidence.html")(report)
