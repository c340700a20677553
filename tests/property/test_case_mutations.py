"""Whatever is done to a valid case file, it ends in a case or in a clear error: never a traceback, a hang or a half-read case."""

from __future__ import annotations

import random
from importlib import resources
from pathlib import Path

import pytest

from liverboard.clinical.case_file import read_case, write_case
from liverboard.errors import BadInput

MUTATIONS = 10_000
FORMAT = Path(__file__).parents[2] / "docs" / "reference" / "case-format.md"  # its example has every kind of event
WORDS = [
    "NaN", "-1", "1e999", "\x00", "\u202e", "😀", "&a", "*a", "!!int", "---", "...", "{", "}", "[", "]", ": ", "- ", "\t", "'", '"', "#", "%", "null", "true",
    "2024-13-45", "9999-12-31", "0001-01-01", "12 smurf", "12 umol/L", "<<", "|", ">", "kind: labs", "\r", "\u2028", "\ufeff", "9" * 50, "id", "corrects: x",
]  # fmt: skip


def valid_texts() -> list[tuple[str, bool]]:
    texts: list[tuple[str, bool]] = []
    for name in ("real-y90", "typed-in"):
        text = (resources.files("liverboard") / "knowledge" / "samples" / name / "case.yaml").read_text(
            encoding="utf-8"
        )
        texts += [(text, False), (write_case(read_case(text), is_json=True), True)]
    texts.append((FORMAT.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0], False))
    return texts


def mutate(text: str, rng: random.Random) -> str:
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        at, kind = rng.randrange(len(text) + 1), rng.randrange(6)
        until = min(len(text), at + rng.choice((1, 1, 2, 5, 20, 200)))
        lines = text.split("\n")
        if kind == 0:
            text = text[:at] + text[until:]
        elif kind == 1:
            text = text[:at] + rng.choice(WORDS) + text[at:]
        elif kind == 2:
            text = text[:at] + chr(rng.choice((rng.randrange(32, 127), rng.randrange(1, 0xD7FF)))) + text[at + 1 :]
        elif kind == 3:
            i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
            lines[i], lines[j] = lines[j], lines[i]
            text = "\n".join(lines)
        elif kind == 4:
            i = rng.randrange(len(lines))
            lines.insert(i, lines[rng.randrange(len(lines))])
            text = "\n".join(lines)
        else:
            text = text[:at] + text[at:until] * 2 + text[until:]
    return text


@pytest.mark.parametrize("source", range(5))
def test_ten_thousand_mutations_end_in_a_case_or_a_clear_error(source: int) -> None:
    rng = random.Random(source)
    text, is_json = valid_texts()[source]
    cases = errors = 0
    for _ in range(MUTATIONS // 4):
        mutated = mutate(text, rng)
        try:
            case = read_case(mutated, where="mutated", is_json=is_json)
        except BadInput as error:
            errors += 1
            assert error.problems
            assert all(problem.message for problem in error.problems)
        else:
            cases += 1
            assert read_case(write_case(case)) == case
    assert cases > 50
    assert errors > 500
