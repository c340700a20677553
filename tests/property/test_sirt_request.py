"""Whatever a person writes: `sirt activity` ends in a plan of finite numbers or in an error that says what to do."""

import math
from dataclasses import fields, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from liverboard.errors import UserError
from liverboard.sirt.plan import plan_activity
from liverboard.sirt.request import Written, read_request

numbers = st.sampled_from(
    ["0", "-1", "1", "5", "0.5", "1e9", "1e-9", "1e400", "nan", "inf", "", "120", "40", "1,5", "2", "300"]
)
units = st.sampled_from(
    ["", "%", " mL", " g", " kg", " GBq", " MBq", " Gy", " cm", " L", " apples", " mL/min", " Gy*kg/GBq"]
)
anything = st.builds(str.__add__, numbers, units) | st.text(max_size=6)
SOUND = (
    Written("resin", "partition", "5%", activity="2 GBq", tn=("5",), tumour=("200 mL",), normal="1300 mL", scenario="unilobar"),
    Written("glass", "mird", "5%", target_dose="120 Gy", residual="1%", normal="1500 g", liver="2 L"),
    Written("ho166", "multi", "2%", target_dose="90 Gy", target="tumour", tn=("5", "3"), tumour=("90 g", "40 mL"), normal="1 kg"),
    Written("resin", "bsa", "5%", height="170 cm", weight="70 kg", tumour=("300 mL",), liver="1500 mL", treated_share="60%"),
    Written(
        "resin", "partition", "5%", activity="2 GBq", activity_ratio="0.8", convention="kao_2013", tumour=("200 mL",),
        normal="1300 mL", prior_lung_dose="10 Gy", error=("tn=25%", "lung_shunt=30%", "tumour=10%", "lung_mass=20%"),
    ),
)  # fmt: skip
SEVERAL = {"tn", "tumour", "condition", "error"}


QUANTITIES = {
    "mass": ("tumour", "normal", "liver", "lung_mass"), "share": ("lung_shunt", "residual", "treated_share"),
    "number": ("tn", "activity_ratio", "constant", "density"), "dose": ("target_dose", "prior_lung_dose"), "activity": ("activity",),
}  # fmt: skip
FITTING = {
    "mass": st.builds("{:.4g} {}".format, st.floats(1e-3, 5000), st.sampled_from(["mL", "g", "kg"])),
    "share": st.builds("{:.4g} %".format, st.floats(0, 100)),
    "number": st.builds("{:.4g}".format, st.floats(1e-3, 200)),
    "dose": st.builds("{:.4g} Gy".format, st.floats(0, 1000)),
    "activity": st.builds("{:.4g} GBq".format, st.floats(0, 100)),
}
KIND = {name: kind for kind, names in QUANTITIES.items() for name in names}


@st.composite
def spoiled(draw: st.DrawFn) -> Written:
    """A sound request with up to three options written otherwise."""
    names = draw(st.lists(st.sampled_from([each.name for each in fields(Written)]), max_size=3, unique=True))
    changed: dict[str, Any] = {}
    for name in names:
        value = FITTING[KIND[name]] if name in KIND and draw(st.booleans()) else anything
        changed[name] = draw(st.lists(value, min_size=1, max_size=2) if name in SEVERAL else value)
    return replace(draw(st.sampled_from(SOUND)), **changed)


def test_the_requests_are_sound() -> None:
    assert all(plan_activity(read_request(asked)[0]).activity_gbq > 0 for asked in SOUND)


@settings(max_examples=400, deadline=None)
@given(spoiled())
def test_a_plan_or_a_clear_error(asked: Written) -> None:
    try:
        request, _ = read_request(asked)
        plan = plan_activity(request)
    except UserError as told:
        assert told.message
        assert told.hint or told.problems
        return
    assert math.isfinite(plan.activity_gbq)
    assert plan.activity_gbq > 0
    assert all(math.isfinite(dose) and dose >= 0 for dose in plan.doses_gy.values())
    finite(plan.model_dump(mode="json"))


def finite(node: Any) -> None:
    values = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for value in values:
        finite(value)
    assert not isinstance(node, float) or math.isfinite(node)
