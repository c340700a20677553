"""Whatever a person writes: `sirt activity` ends in a plan of finite numbers or in an error that says what to do."""

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from liverboard.errors import UserError
from liverboard.sirt.plan import plan_activity
from liverboard.sirt.request import Written, read_request

numbers = st.sampled_from(["0", "-1", "1", "5", "0.5", "1e9", "1e-9", "1e400", "nan", "inf", "", "120", "40", "1,5"])
units = st.sampled_from(
    ["", "%", " mL", " g", " kg", " GBq", " MBq", " Gy", " cm", " L", " apples", " mL/min", " Gy*kg/GBq"]
)
anything = st.builds(str.__add__, numbers, units) | st.text(max_size=6)
one = st.none() | anything
many = st.lists(anything, max_size=3)


def good(text: str) -> st.SearchStrategy[str]:
    """Mostly what is right, so that the search reaches the models."""
    return st.sampled_from([text] * 6) | anything


written = st.builds(
    Written,
    product=st.sampled_from(["resin", "glass", "ho166"]) | anything,
    model=st.sampled_from(["bsa", "mird", "partition", "multi"]) | anything,
    lung_shunt=good("5%"),
    activity=st.none() | good("2 GBq"),
    target_dose=st.none() | good("120 Gy"),
    target=st.none() | st.sampled_from(["tumour", "normal_liver", "perfused"]),
    residual=st.none() | good("1%"),
    tn=st.lists(good("5"), max_size=2),
    activity_ratio=st.none() | good("2"),
    convention=st.sampled_from(["concentration_ratio", "concentration_ratio", "kao_2013"]),
    tumour=st.lists(good("200 mL"), max_size=3),
    normal=st.none() | good("1300 mL"),
    lung_mass=st.none() | good("1 kg"),
    density=st.none() | good("1.04"),
    constant=st.none() | good("50"),
    height=st.none() | good("170 cm"),
    weight=st.none() | good("70 kg"),
    liver=st.none() | good("1800 mL"),
    treated_share=st.none() | good("60%"),
    scenario=st.none() | st.sampled_from(["segmentectomy", "lobectomy", "unilobar", "bilobar"]),
    condition=st.lists(st.sampled_from(["compromised_liver", "good_liver_function", "young"]), max_size=1),
    prior_lung_dose=st.none() | good("10 Gy"),
    error=st.lists(st.sampled_from(["tn=25%", "activity=5%", "lung_shunt=30%", "tumour=10%", "luck=1%", "tn", "tn=500%"]), max_size=3),
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(written)
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
