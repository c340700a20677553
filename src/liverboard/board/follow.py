"""Two time points of one patient from their files: every lesion of the one beside what became of it in the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from liverboard.board.measure import measure_files
from liverboard.board.scan_files import ScanFiles
from liverboard.clinical.extent import LiverExtent
from liverboard.clinical.tracking import LinkStatement, Tracking
from liverboard.errors import BadInput, MissingData
from liverboard.imaging.track import track_lesions

Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Followed:
    """`baseline` and `followup`: the extents; `tracking`: the links between their lesions, by id."""

    baseline: LiverExtent
    followup: LiverExtent
    tracking: Tracking


def follow_files(
    baseline: ScanFiles,
    followup: ScanFiles,
    *,
    days: float | None = None,
    statements: Sequence[LinkStatement] = (),
    step: Step = lambda text: None,
) -> Followed:
    """Read, measure and link two scans. Raises MissingData (a liver or lesions missing), BadInput, UnsupportedImage."""
    measured: list[Any] = []
    for files, when in ((baseline, "baseline"), (followup, "follow-up")):
        read, found = measure_files(files, step=lambda text, when=when: step(f"{when}: {text}"))
        if read.scan.liver is None or read.scan.lesions is None:
            lacking = "liver mask" if read.scan.liver is None else "lesions"
            raise MissingData(
                f"the {when} scan has no {lacking}",
                hint=f"Give it with --{when.replace('-', '')}-lesions, or a file that names liver and lesions." if lacking == "lesions" else "Pick it, such as seg.dcm#Liver.",
            )  # fmt: skip
        measured.append((read.scan.liver, found))
    step("laying the livers on each other")
    (first_liver, first), (second_liver, second) = measured
    tracking = track_lesions(
        first_liver,
        [first.masks[lesion.id] for lesion in first.extent.lesions],
        second_liver,
        [second.masks[lesion.id] for lesion in second.extent.lesions],
        days=days,
        statements=statements,
    )
    return Followed(first.extent, second.extent, tracking)


def read_statements(path: Path) -> tuple[LinkStatement, ...]:
    """What a person says became of lesions: a YAML or JSON list of `baseline`, `followup` and `relation`. Raises BadInput with every problem."""
    import yaml
    from pydantic import TypeAdapter, ValidationError

    hint = "Expected a list of items such as  {baseline: [L2, L5], followup: [L1], relation: merged}"
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return TypeAdapter(tuple[LinkStatement, ...]).validate_python(content or ())
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"the links cannot be read ({type(error).__name__})", where=path.name, hint="Check the path."
        ) from None
    except yaml.YAMLError:
        raise BadInput("the links are not valid YAML", where=path.name, hint=hint) from None
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_url=False)]
        raise BadInput(
            f"the links hold what cannot be read: {'; '.join(wrong[:5])}", where=path.name, hint=hint
        ) from None
