"""A page of a case on paper, by a real browser: every sheet of an invented case says so, in the language of the page."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.registry_samples import EDITOR
from tests.web_browser import signed_in

from liverboard.board.load import open_case
from liverboard.registry.cases import add_case
from liverboard.web.site import Site


def sheets(page: Any, address: str, paper: Path) -> list[str]:
    page.goto(address)
    page.pdf(path=paper, format="A4")
    text = subprocess.run(["pdftotext", "-layout", paper, "-"], check=True, capture_output=True, encoding="utf-8")
    return text.stdout.removesuffix("\f").split("\f")


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="pdftotext (poppler-utils) is missing")
def test_every_sheet_of_an_invented_case_says_so(browser: Any, site: Site, address: str, tmp_path: Path) -> None:
    invented = open_case(None, sample="typed-in").case.model_copy(update={"centre": "lyon"})
    with site.store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", invented)
    window = signed_in(browser, address, "viewer")
    page = window.new_page()
    for language, word in (("en", "SYNTHETIC"), ("fr", "SYNTHÉTIQUE")):
        window.add_cookies([{"name": "language", "value": language, "url": address}])
        found = sheets(page, f"{address}/cases/lyon/{invented.case}", tmp_path / "case.pdf")
        assert len(found) > 1
        assert all(word in sheet for sheet in found), language
    assert "SYNTH" not in "".join(sheets(page, f"{address}/cases/lyon/NELM-1", tmp_path / "real.pdf"))
    window.close()
