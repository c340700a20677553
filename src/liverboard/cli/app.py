"""The commands. Imports beyond typer are late, so that `liverboard --help` answers at once."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Optional

import typer

from liverboard import __version__
from liverboard.cli.catalogue import Folder, open_catalogue
from liverboard.cli.cohort import cohort
from liverboard.cli.dvh import dvh
from liverboard.cli.evidence import evidence_app
from liverboard.cli.pacs import pacs_app
from liverboard.cli.parameters import AsOf, CasePath, Json, Sample, day, today
from liverboard.cli.procedures import procedures
from liverboard.cli.registry_studies import registry_app
from liverboard.cli.response import response
from liverboard.cli.serve import demo, serve
from liverboard.cli.sirt import sirt_app
from liverboard.cli.survival import survival
from liverboard.cli.weigh import Policy, audit, options

app = typer.Typer(
    name="liverboard",
    help="From liver images and clinical facts to a tumour-board dossier. It supports decisions; it never makes them. Research use.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _now() -> dt.datetime:
    return dt.datetime.now()  # noqa: DTZ005  (the clock on the wall, as DICOM writes it)


def _version(value: bool) -> None:
    if value:
        from liverboard.knowledge import knowledge_version

        typer.echo(f"liverboard {__version__}, knowledge {knowledge_version()}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Software and knowledge version.")
    ] = False,
) -> None:
    """Liverboard's commands."""


@app.command(epilog="Example: liverboard board case.yaml -o dossier")
def board(
    case: CasePath = None,
    sample: Sample = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="DIR", help="Folder for the dossier. Default: dossier-<case>."),
    ] = None,
    as_of: AsOf = None,
    policy: Policy = None,
    catalogue: Folder = None,
    json: Json = False,
) -> None:
    """The main job: dossier.json, dossier.html and dossier.pdf of one case."""
    from liverboard.board.load import open_case
    from liverboard.board.prepare import prepare_dossier
    from liverboard.cli.show import progress, show_dossier
    from liverboard.options.policy import read_policy

    opened = open_case(case, sample=sample)
    ruleset = read_policy(policy)
    with progress("Preparing the dossier") as step:
        dossier = prepare_dossier(
            opened.case,
            folder=opened.folder,
            as_of=day(as_of) or opened.case.as_of or today(),
            ruleset=ruleset,
            centre=open_catalogue(catalogue),
            inputs=opened.inputs,
            step=step,
        )
        if not json or out is not None:
            from liverboard.report.write import write_dossier

            step("writing the dossier")
            paths = write_dossier(dossier, out or Path(f"dossier-{dossier.case}"))
        else:
            paths = {}
    if json:
        typer.echo(dossier.model_dump_json(indent=1))
    else:
        show_dossier(dossier, paths)


@app.command(epilog="Example: liverboard facts case.yaml --as-of 2024-05-15 --json")
def facts(case: CasePath = None, sample: Sample = None, as_of: AsOf = None, json: Json = False) -> None:
    """What was known of a case by a day: each fact with value, unit, date and source event; the unknown ones listed."""
    from liverboard.board.load import open_case
    from liverboard.board.weighed import prepare_facts
    from liverboard.cli.show import progress, show_facts, show_json

    opened = open_case(case, sample=sample)
    with progress("Reading the facts") as step:
        known = prepare_facts(
            opened.case, folder=opened.folder, as_of=day(as_of) or opened.case.as_of or today(), step=step
        )
    if json:
        show_json(known.as_json())
    else:
        show_facts(known)


@app.command(
    epilog='Example: liverboard extent --liver seg.nrrd#Liver --lesions "seg.nrrd#Tumor 1,Tumor 2" --segments couinaud.nii.gz --image arterial=ct --json'
)
def extent(
    liver: Annotated[
        str | None,
        typer.Option(
            "--liver",
            metavar="F",
            help="Liver mask: a DICOM SEG or RTSTRUCT (file or folder), NIfTI, NRRD or .seg.nrrd; F#name or F#5 for a part.",
        ),
    ] = None,
    lesions: Annotated[
        str | None,
        typer.Option(
            "--lesions",
            metavar="F",
            help="Lesion masks, each label or segment one lesion; a plain mask is split into its parts.",
        ),
    ] = None,
    segments: Annotated[
        str | None,
        typer.Option(
            "--segments",
            metavar="F",
            help="Couinaud segments: labels 1 to 8, or parts with names such as liver_segment_4.",
        ),
    ] = None,
    segment_names: Annotated[
        str | None,
        typer.Option(
            "--segment-names",
            metavar="A=N,...",
            help="Which part of the segment file is which segment, such as 11=1,12=2 or LLS=2.",
        ),
    ] = None,
    landmarks: Annotated[
        str | None,
        typer.Option(
            "--landmarks",
            metavar="F",
            help="Landmarks or planes (YAML) that cut the liver, where no segment map exists.",
        ),
    ] = None,
    vessels: Annotated[
        str | None, typer.Option("--vessels", metavar="F", help="Vessels, for the distance to the nearest.")
    ] = None,
    ducts: Annotated[
        str | None, typer.Option("--ducts", metavar="F", help="Bile ducts, for the distance to the nearest.")
    ] = None,
    image: Annotated[
        list[str] | None,
        typer.Option(
            "--image",
            metavar="[PHASE=]F",
            help="The image behind the masks: a DICOM folder, NIfTI or NRRD. May be repeated, one a phase: native, arterial, portal, delayed.",
        ),
    ] = None,
    absent: Annotated[
        str | None, typer.Option("--absent", metavar="S", help="Resected segments, such as S5/6.")
    ] = None,
    resection: Annotated[
        str | None,
        typer.Option(
            "--resection",
            metavar="R",
            help="Future remnant of a resection: right hepatectomy, or segments such as S5/6.",
        ),
    ] = None,
    viable_above: Annotated[
        float | None,
        typer.Option(
            "--viable-above",
            metavar="V",
            help="Arterial value from which a voxel of a lesion counts as viable. Default: from this liver.",
        ),
    ] = None,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "-o", "--out", metavar="DIR", help="Folder for extent.json, DICOM SEG and SR, NIfTI, meshes and key images."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Lesions with size and place, burden and pattern, from masks and images."""
    from liverboard.board.measure import measure_files
    from liverboard.board.scan_files import ScanFiles
    from liverboard.cli.show import progress, show_extent, show_json
    from liverboard.clinical.remnant import future_remnant, removed_by

    files = ScanFiles(
        liver=liver,
        lesions=lesions,
        segments=segments,
        vessels=vessels,
        ducts=ducts,
        landmarks=landmarks,
        images=_phases(image or []),
        segment_names=_mapping(segment_names),
        absent=removed_by(absent) if absent else (),
        viable_at_least=viable_above,
    )
    with progress("Measuring") as step:
        read, measured = measure_files(files, step=step)
        remnant = future_remnant(measured.extent, resection) if resection is not None else None
        document = measured.extent.model_dump(mode="json")
        if remnant is not None:
            document["remnant"] = remnant.model_dump(mode="json")
        if out is not None:
            from liverboard.report.extent_files import write_extent

            document = write_extent(out, document, read, measured, when=_now(), step=step)
    if json:
        show_json(document)
    else:
        show_extent(measured.extent, remnant)


def _phases(images: list[str]) -> dict[str, str]:
    """`arterial=F` or `F`; the first without a name is the arterial phase when it is named so by its file, else `image`."""
    found: dict[str, str] = {}
    for given in images:
        name, mark, source = given.partition("=")
        if not mark or "/" in name or "." in name or not name:
            known = [
                phase
                for phase in ("native", "arterial", "portal", "delayed")
                if phase in Path(given.partition("#")[0]).name.lower()
            ]
            name, source = known[0] if len(known) == 1 else "image", given
        if name in found:
            raise typer.BadParameter(f"two images are named '{name}': name the phase of each, such as arterial={given}")
        found[name] = source
    return found


def _mapping(text: str | None) -> dict[str, int]:
    found: dict[str, int] = {}
    for pair in (text or "").split(","):
        if pair.strip():
            name, _, number = pair.rpartition("=")
            if not name.strip() or number.strip() not in {str(n) for n in range(1, 9)}:
                raise typer.BadParameter(f"'{pair.strip()}' is not a name with a segment 1 to 8, such as 11=1")
            found[name.strip()] = int(number)
    return found


@app.command(epilog="Example: liverboard segment study#arterial -o masks")
def segment(
    study: Annotated[
        str,
        typer.Argument(
            metavar="STUDY",
            help="A CT or MR series: a DICOM folder (F#2 or F#arterial for one of several), NIfTI or NRRD.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="DIR", help="Folder for the masks and segmentation.json.")
    ],
    device: Annotated[str, typer.Option("--device", metavar="D", help="cpu or gpu.")] = "cpu",
    json: Json = False,
) -> None:
    """Liver, segments, lesions and vessels drawn by TotalSegmentator, when it is installed; marked as drawn by a program."""
    from liverboard.board.segment import segment_study
    from liverboard.cli.show import progress, show_json

    if device not in {"cpu", "gpu"}:
        raise typer.BadParameter("the device is cpu or gpu")
    with progress("Segmenting") as step:
        about = segment_study(study, out, when=_now(), device=device, step=step)
    if json:
        show_json(about)
        return
    typer.echo(f"drawn by {about['engine']} {about['version']}, not checked by a person:")
    for name, file in about["files"].items():  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType, reportUnknownMemberType]
        typer.echo(f"  {name:<20} {out / str(file)}")  # pyright: ignore[reportUnknownArgumentType]
    for name in about["empty"]:  # pyright: ignore[reportGeneralTypeIssues, reportUnknownVariableType]
        typer.echo(f"  {name}: none found")


@app.command(epilog="Example: liverboard follow first/seg.dcm second/seg.dcm --days 182 --json")
def follow(
    baseline: Annotated[
        str,
        typer.Argument(
            metavar="BASELINE", help="Liver of the first time point (and its lesions, when it names them): F or F#name."
        ),
    ],
    followup: Annotated[str, typer.Argument(metavar="FOLLOWUP", help="The same of the second time point.")],
    baseline_lesions: Annotated[
        str | None, typer.Option("--baseline-lesions", metavar="F", help="Lesions of the first time point.")
    ] = None,
    followup_lesions: Annotated[
        str | None, typer.Option("--followup-lesions", metavar="F", help="Lesions of the second time point.")
    ] = None,
    days: Annotated[
        float | None, typer.Option("--days", metavar="N", help="Days between the scans, for growth rates.")
    ] = None,
    links: Annotated[
        Path | None,
        typer.Option("--links", metavar="F", help="What you say became of lesions (YAML); it overrides the program."),
    ] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="DIR", help="Folder for follow.json.")] = None,
    json: Json = False,
) -> None:
    """What became of each lesion between two time points, how sure that is, and how fast it grew."""
    import json as json_module

    from liverboard.board.follow import follow_files, read_statements
    from liverboard.board.scan_files import ScanFiles
    from liverboard.cli.show import progress, show_follow, show_json

    with progress("Following lesions") as step:
        found = follow_files(
            ScanFiles(liver=baseline, lesions=baseline_lesions),
            ScanFiles(liver=followup, lesions=followup_lesions),
            days=days,
            statements=read_statements(links) if links is not None else (),
            step=step,
        )
        document = {
            "days": days,
            **found.tracking.model_dump(mode="json"),
            "baseline": found.baseline.model_dump(mode="json"),
            "followup": found.followup.model_dump(mode="json"),
        }
        if out is not None:
            from liverboard.report.write import write_files

            write_files({out / "follow.json": (json_module.dumps(document, indent=2) + "\n").encode()})
    if json:
        show_json(document)
    else:
        show_follow(found)


@app.command(epilog="Example: liverboard phantom -o phantom --seed 7 --size small")
def phantom(
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Folder for NIfTI, DICOM and truth.json.")],
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="The same seed gives the same liver.")] = 1,
    size: Annotated[str, typer.Option("--size", metavar="S", help="full (512 x 512 x 320) or small.")] = "small",
    pattern: Annotated[
        str | None,
        typer.Option(
            "--pattern",
            metavar="P",
            help="simple, complex or diffuse. Default: diffuse when full, by the seed when small.",
        ),
    ] = None,
    lesions: Annotated[int | None, typer.Option("--lesions", metavar="N", help="How many metastases.")] = None,
    noise: Annotated[
        float, typer.Option("--noise", metavar="HU", min=0, max=200, help="Standard deviation of the noise in HU.")
    ] = 11.0,
    touching: Annotated[
        int, typer.Option("--touching", metavar="N", min=0, max=20, help="Pairs of lesions that touch.")
    ] = 0,
    followup: Annotated[
        bool, typer.Option("--followup", help="Also a second time point with known change, in followup/.")
    ] = False,
    dicom: Annotated[bool, typer.Option("--dicom/--no-dicom", help="Also as DICOM series and SEG.")] = True,
    json: Json = False,
) -> None:
    """A synthetic liver on CT, with segments, vessels, metastases and their exact truth (truth.json). No patient."""
    import json as json_module

    from liverboard.cli.show import progress
    from liverboard.phantom import PhantomPlan, make_phantom, write_phantom

    plan = PhantomPlan(
        seed=seed,
        size=size,
        pattern=pattern,  # pyright: ignore[reportArgumentType]  (checked by make_phantom)
        lesion_count=lesions,
        noise_hu=noise,
        touching=touching,
        followup=followup,
    )
    with progress("Making the phantom") as step:
        path = write_phantom(make_phantom(plan, step), out, dicom=dicom, step=step)
    truth = path.read_text(encoding="utf-8")
    if json:
        typer.echo(truth, nl=False)
    else:
        told = json_module.loads(truth)
        typer.echo(
            f"synthetic liver, {told['pattern']}: {len(told['lesions'])} lesions, {told['tumour_volume_ml']:.1f} of {told['liver_volume_ml']:.0f} mL; wrote {path}"
        )


app.add_typer(evidence_app, name="evidence")
app.command(epilog="Example: liverboard serve --data /srv/liverboard --centre lyon-est")(serve)
app.command(epilog="Example: liverboard demo --port 8350")(demo)
app.add_typer(pacs_app, name="pacs")
app.add_typer(registry_app, name="registry")
app.add_typer(sirt_app, name="sirt")
app.command(epilog="Example: liverboard cohort -o synthetic --cases 500 --seed 7")(cohort)
app.command(epilog="Example: liverboard dvh --dose rtdose.dcm --structures rtss.dcm --json")(dvh)
app.command(epilog="Example: liverboard options case.yaml --as-of 2024-05-15 --json")(options)
app.command(epilog="Example: liverboard procedures cases/ -o procedures.html")(procedures)
app.command(epilog="Example: liverboard audit cohort.parquet -o audit.html")(audit)
app.command(epilog="Example: liverboard response case.yaml --as-of 2024-12-01 --json")(response)
app.command(epilog="Example: liverboard survival people.csv --time months --event died --group technique --json")(
    survival
)


@app.command(epilog="Example: liverboard doctor")
def doctor(json: Json = False) -> None:
    """What is installed, what is missing, where data lie."""
    from liverboard.cli.doctor import examine
    from liverboard.cli.show import show_doctor, show_json

    report = examine()
    if json:
        show_json(report)
    else:
        show_doctor(report)
    if not report["ok"]:
        raise typer.Exit(12)
