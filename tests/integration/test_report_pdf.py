"""The PDF as its reader gets it: pages, text, metadata, the same bytes each time."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
import report_samples as samples
from liverboard.report.pdf import render_pdf

pytestmark = pytest.mark.skipif(
    not (shutil.which("pdftotext") and shutil.which("pdfinfo")),
    reason="pdftotext and pdfinfo (poppler-utils) are missing",
)


def pages(pdf: bytes, folder: Path) -> list[str]:
    (folder / "d.pdf").write_bytes(pdf)
    out = subprocess.run(
        ["pdftotext", "-layout", folder / "d.pdf", "-"],
        check=True,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    return out.stdout.split("\f")[:-1]


@pytest.mark.parametrize("make", [samples.full, samples.sparse, samples.bundled_like, samples.hostile])
def test_the_same_dossier_gives_the_same_bytes(make) -> None:
    assert render_pdf(make()) == render_pdf(make())


def test_page_one_is_one_page(tmp_path: Path) -> None:
    for make in (samples.full, samples.bundled_like, samples.sparse):
        text = pages(render_pdf(make()), tmp_path)
        assert "Missing" in text[0]
        assert text[1].split("\n\n")[0].strip()
        assert "Lesions" in text[1]
    text = pages(render_pdf(samples.full()), tmp_path)
    for words in (
        "NELM-0001",
        "15 May 2024",
        "Progressive liver disease",
        "diffuse, certain",
        "1 conflict, 2 warnings",
        "2 May 2024, imaging, event i3",
    ):
        assert words in text[0].replace("\u202f", " ")
    for page in text:
        assert "SYNTHETIC" in page
        assert "Research use" in page
        assert f"of {len(text)}" in page


@pytest.mark.parametrize("make", [samples.full, samples.bundled_like])
def test_page_one_holds_every_option_and_still_what_is_missing(make, tmp_path: Path) -> None:
    first = pages(render_pdf(make()), tmp_path)[0].replace("\u202f", " ")
    for words in ("fits", "caution", "cannot tell", "not indicated", "excluded", "TAE, cTACE", "given before: cTACE", "needs:", "(and 1 more caution)",
                  "surveillance, chemotherapy", "SIRT (resin)", "Open together, not ranked: TAE, cTACE", "switched off by this centre",
                  "policy departs from the packaged rules"):  # fmt: skip
        assert words in " ".join(first.split()), words
    below = first[first.index("Missing") :]
    assert "Albumin" in below, "what is missing keeps its place"
    assert "confirm 3.8 g/L" in below


def test_options_in_full_give_every_reason_and_every_source(tmp_path: Path) -> None:
    dossier = samples.full()
    text = "".join("".join(page.split()) for page in pages(render_pdf(dossier), tmp_path)).replace("\u200b", "")
    assert "Optionsinfull" in text
    assert "Wheresourcesdiffer" in text
    assert "Aboutthisdisease" in text
    report = dossier.options
    statements = [*(reason for each in report.options for reason in each.reasons), *report.equipoise, *report.context,
                  *(position for each in report.disagreements for position in each.positions)]  # fmt: skip
    for each in statements:
        first_words = "".join(each.says.split()[:3])
        assert first_words in text, each.says
        for source in each.sources:
            assert source.key in text


def test_markup_in_the_case_stays_text(tmp_path: Path) -> None:
    text = "".join(pages(render_pdf(samples.hostile()), tmp_path)).replace("\u200b", "")
    joined = "".join(text.split())
    assert "root:x:0" not in text
    assert '#read("/etc/passwd")*bold*$x^2$_it_`raw`@ref<label>' in joined
    assert "<script>alert('x')</script>" in joined


def test_metadata(tmp_path: Path) -> None:
    (tmp_path / "d.pdf").write_bytes(render_pdf(samples.full()))
    out = subprocess.run(
        ["pdfinfo", "-isodates", tmp_path / "d.pdf"],
        check=True,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    ).stdout
    assert "NELM-0001, board dossier as of 15 May 2024 (SYNTHETIC)" in out
    assert "2024-05-15" in out
    assert "A4" in out
