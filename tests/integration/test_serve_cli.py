"""`liverboard serve` from the terminal: it says where it is, warms up, and a start that fails harms no site that runs."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from liverboard.cli.app import app


def test_the_first_start_says_where_the_site_is_and_makes_the_administrator(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "liverboard", "serve", "--data", str(tmp_path / "data"), "--centre", "lyon", "--port", "0"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1) as site:
        assert site.stdout is not None and site.stderr is not None
        try:
            first, second = site.stdout.readline(), site.stdout.readline()
            address = re.search(r"http://127\.0\.0\.1:[1-9][0-9]*", first)
            link = re.search(r"http://127\.0\.0\.1:[1-9][0-9]*/welcome/\S+", second)
            assert address is not None and link is not None, (first, second)
            assert httpx.get(f"{address[0]}/sign-in", timeout=30).status_code == 200
            assert "password" in httpx.get(link[0], timeout=30).text
        finally:
            site.send_signal(signal.SIGINT)
        assert site.wait(timeout=20) in {0, 130}
        assert "Traceback" not in site.stderr.read()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_the_folder_of_a_demo_is_thrown_away_however_it_is_stopped(tmp_path: Path, stop: signal.Signals) -> None:
    command = [sys.executable, "-m", "liverboard", "demo", "--cases", "0", "--port", "0"]
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as site:
        assert site.stdout is not None
        assert "Sign in at" in site.stdout.readline()
        assert list(tmp_path.glob("liverboard-demo-*"))
        site.send_signal(stop)
        assert site.wait(timeout=20) == 130
    assert not list(tmp_path.glob("liverboard-demo-*"))


def test_a_port_that_is_taken_is_told_and_nothing_is_made(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = str(other.getsockname()[1])
        done = CliRunner().invoke(app, ["serve", "--data", str(tmp_path / "data"), "--centre", "lyon", "--port", taken])
    assert done.exit_code != 0
    assert not (tmp_path / "data").exists()
    assert "--port" in str(getattr(done.exception, "hint", done.output))


def test_what_the_first_page_needs_is_loaded_ahead() -> None:
    """In a process of its own, since every other test has loaded it: after the warming, the page of another case reads no knowledge from the disk."""
    program = """
from liverboard.knowledge import load_yaml
from liverboard.web.warm import warm_up
from liverboard.board.load import open_case, sample_names
from liverboard.board.prepare import prepare_dossier
from liverboard.report.html import render_sections
warm_up()
loaded = load_yaml.cache_info().misses
case = open_case(None, sample=sample_names()[1]).case
render_sections(prepare_dossier(case, folder=None, as_of=max(event.date for event in case.events)))
print(loaded, load_yaml.cache_info().misses)
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=120)
    loaded, after = map(int, done.stdout.split())
    assert loaded == after > 5
