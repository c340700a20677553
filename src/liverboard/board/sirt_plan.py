"""A plan of activity from what a person wrote: one injection or a file of several, with the vials to order."""

from __future__ import annotations

from pathlib import Path

from liverboard.errors import BadInput
from liverboard.sirt.injections import plan_injections
from liverboard.sirt.injections_file import read_injections
from liverboard.sirt.order import Wanted, order
from liverboard.sirt.plan import ActivityPlan, plan_activity, with_order
from liverboard.sirt.products import product
from liverboard.sirt.request import Written, read_mass_kg, read_order, read_request

_OF_ONE_INJECTION = ("tumour", "normal", "activity_ratio", "measured", "injection")
_MAX_BYTES = 1_000_000


def plan_of(written: Written, injections: Path | None = None) -> ActivityPlan:
    """The plan. Raises BadInput, MissingData: with every problem, and its option or its line in the file."""
    if injections is None:
        request, assumed = read_request(written)
        calibrated, injected, vials = read_order(written)
        plan = plan_activity(request)
        wanted = [Wanted("the injection", plan.activity_gbq, injected)]
    else:
        if given := [name for name in _OF_ONE_INJECTION if getattr(written, name)]:
            raise BadInput(
                f"--{given[0].replace('_', '-')} belongs to one injection, and a file of injections was given",
                hint="Write it in the file; the moment of an injection is its `at`.",
            )
        calibrated, injected, vials = read_order(written)
        read = read_injections(_text(injections), written, injections.name)
        liver = None if written.liver is None else read_mass_kg(written.liver, written.density)
        plan, assumed = plan_injections(read.planned, read.whole_kg, liver), list(read.assumed)
        wanted = [
            Wanted(each.name, each.activity_gbq, () if each.injected_at is None else (each.injected_at,))
            for each in plan.injections
        ]
    plan = plan.model_copy(update={"warnings": [*assumed, *plan.warnings]})
    if calibrated or vials or (injected and written.measured is None):
        plan = with_order(plan, order(product(written.product), wanted, calibrated, vials))
    return plan


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise BadInput("too large for a file of injections", where=file.name, hint="Is this the right file?")
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"the file cannot be read ({type(error).__name__})", where=file.name, hint="Give a YAML file in UTF-8."
        ) from None
