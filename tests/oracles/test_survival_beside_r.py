"""One data set of each kind of validation/synthesis_survival, by us and by R survival; the whole of it is run there. Skips where Rscript or the package is absent."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "validation" / "synthesis_survival" / "run.py"


def survival_is_there() -> bool:
    return (
        bool(shutil.which("Rscript"))
        and not subprocess.run(["Rscript", "-e", "library(survival)"], capture_output=True, check=False).returncode
    )


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("validation_survival", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(
    not survival_is_there(), reason="R with the package survival is not installed (apt: r-cran-survival)"
)
def test_every_kind_of_data_set_as_r_survival_has_it(tmp_path: Path) -> None:
    run = script()
    rng = np.random.default_rng(7)
    sets = [run.make(kind, how, rng) for kind, how in run.KINDS.items() if "large" not in kind]
    found = run.compare(sets, [run.ours(made) for made in sets], run.peer(sets, tmp_path)[0])
    assert {name: row for name, row in found["quantities"].items() if row["largest"] > 1e-6} == {}
    assert len(found["quantities"]) == 28
    assert "unexplained" not in found["medians"]
    assert not any(
        "R fits, ours refuses" in what or ("ours fits" in what and "warns" in what) for what in found["refusals"]
    )
