"""Whatever is written in a file of injections ends in a plan or in a clear error; doses are linear and do not depend on the order of the injections."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.integration.test_sirt_injections_cli import TWO

from liverboard.errors import UserError
from liverboard.sirt.injections import plan_injections
from liverboard.sirt.injections_file import read_injections
from liverboard.sirt.plan import ActivityPlan
from liverboard.sirt.request import Written

COMMON = Written(product="resin", model=None, lung_shunt=None, error=("tn=10%", "lung_shunt=20%"))
WORDS = st.sampled_from(["", "-", "{}", "[]", "nan", "-1 g", "1e400 g", "5 %", "0 g", "{T1: 1 g}", "true", "null", "x: y", "&a", "2024-06-12", "inf Gy"])  # fmt: skip


def planned(text: str) -> ActivityPlan:
    read = read_injections(text, COMMON, "injections.yaml")
    return plan_injections(read.planned, read.whole_kg)


@given(st.lists(st.tuples(st.integers(1, 17), st.sampled_from(["drop", "value", "double"]), WORDS), min_size=1, max_size=3))  # fmt: skip
def test_a_mutated_file_is_a_plan_or_a_clear_error(changes: list[tuple[int, str, str]]) -> None:
    lines = TWO.splitlines()
    for place, how, word in changes:
        at = min(place, len(lines) - 1)
        if how == "drop":
            del lines[at]
        elif how == "double":
            lines.insert(at, lines[at])
        else:
            lines[at] = lines[at].partition(":")[0] + ": " + word
    try:
        found = planned("\n".join(lines))
    except UserError as error:
        assert error.message
        return
    assert found.activity_gbq > 0
    assert all(dose >= 0 for dose in found.doses_gy.values())


@given(st.text(max_size=200))
def test_any_text_is_refused_in_words(text: str) -> None:
    with pytest.raises(UserError):
        planned(text)


@given(st.floats(0.1, 5))
def test_twice_the_activity_is_twice_the_dose(factor: float) -> None:
    base = planned(TWO)
    more = planned(
        TWO.replace("activity: 1.4 GBq", f"activity: {1.4 * factor!r} GBq").replace(
            "activity: 0.6 GBq", f"activity: {0.6 * factor!r} GBq"
        )
    )
    for name, dose in base.doses_gy.items():
        assert more.doses_gy[name] == pytest.approx(dose * factor, rel=1e-9)


def test_the_order_of_the_injections_is_no_matter() -> None:
    head, _, rest = TWO.partition("  - name: right")
    first, _, second = rest.partition("  - name: left")
    turned = planned(f"{head}  - name: left{second}  - name: right{first}")
    assert turned.doses_gy == pytest.approx(planned(TWO).doses_gy)
