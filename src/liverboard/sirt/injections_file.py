"""The file of several injections: YAML text to the injections of one plan, every problem told at once with its line.

```yaml
whole: {T1: 60 mL}              # only for a tumour that more than one injection reaches: its whole volume
injections:
  - name: right
    at: 2024-06-12T10:00+02:00  # with its time zone; may be left out
    lung_shunt: 5 %
    tumours: {T1: 40 mL, T2: 100 mL}
    tn: {T1: 4, T2: 6}          # or one ratio for all
    normal: 800 mL
    target_dose: 40 Gy
    target: normal_liver
  - name: left
    lung_shunt: 3 %
    tumours: {T1: 20 mL, T3: 30 mL}
    tn: 4
    normal: 500 mL
    activity: 0.6 GBq
```

A key that is left out is taken from the option of the command of the same name; the model is then `multi` where there are ratios, else `mird`.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field, replace
from typing import Any

from liverboard.clinical.case_text import Parsed, Tree, parse_text
from liverboard.errors import BadInput, Problem, UserError
from liverboard.sirt.injections import Planned
from liverboard.sirt.moments import read_moment
from liverboard.sirt.request import Written, read_mass_kg, read_request
from liverboard.units import UnitError

_TEXTS = ("model", "lung_shunt", "residual", "normal", "activity", "target_dose", "target", "treated_share")
_KEYS = ("name", "at", *_TEXTS, "tumours", "tn")
_TOP = ("injections", "whole")


@dataclass(frozen=True, slots=True)
class ReadInjections:
    """The injections, the whole mass in kg of tumours that several reach, and what was assumed."""

    planned: tuple[Planned, ...]
    whole_kg: dict[str, float]
    assumed: tuple[str, ...]


@dataclass(slots=True)
class _Found:
    parsed: Parsed
    problems: list[Problem] = field(default_factory=list[Problem])
    assumed: dict[str, None] = field(default_factory=dict[str, None])

    def say(self, message: str, path: tuple[str | int, ...], event: str | None = None, **more: Any) -> None:
        key = next((str(step) for step in reversed(path) if isinstance(step, str)), None)
        self.problems.append(Problem(message, line=self.parsed.line(path), event=event, field=key, **more))

    def known(self, keys: dict[str, Tree], allowed: tuple[str, ...], path: tuple[str | int, ...]) -> None:
        for key in keys:
            if key not in allowed:
                near = difflib.get_close_matches(key, allowed, 1, cutoff=0.5)
                hint = f"did you mean '{near[0]}'?" if near else None
                self.say(f"unknown key '{key[:40]}'", (*path, key), allowed=" ".join(allowed), hint=hint)


def read_injections(text: str, common: Written, where: str) -> ReadInjections:
    """The injections of the file, `common` for what a key leaves out. `where` names the file. Raises BadInput with every problem and its line."""
    parsed = parse_text(text)
    found = _Found(parsed, list(parsed.problems))
    planned: list[Planned] = []
    whole: dict[str, float] = {}
    tree = parsed.tree
    if isinstance(tree, dict):
        found.known(tree, _TOP, ())
        listed, stated = tree.get("injections"), tree.get("whole") or {}
        if not isinstance(listed, list) or not listed:
            found.say("expected a list of injections", ("injections",), allowed="- name: right ...")
        for number, each in enumerate(listed if isinstance(listed, list) else ()):
            if (one := _injection(each, number, common, found)) is not None:
                planned.append(one)
        if not isinstance(stated, dict):
            found.say("expected tumours and volumes", ("whole",), allowed="{T1: 60 mL}")
        for name, volume in stated.items() if isinstance(stated, dict) else ():
            try:
                whole[name] = read_mass_kg(_word(volume) or "", common.density)
            except UnitError as error:
                found.say(str(error), ("whole", name), read=f"'{_word(volume)}'")
    elif not found.problems:
        found.problems.append(Problem("the file holds no injections", line=1, allowed="injections: [...]"))
    if found.problems:
        raise BadInput(
            f"the injections cannot be read: {len(found.problems)} problem{'s' if len(found.problems) > 1 else ''}",
            where=where,
            problems=sorted(found.problems, key=lambda each: each.line or 0),
        )
    names = [each.name for each in planned]
    if len(set(names)) < len(names):
        raise BadInput(f"injections share a name: {', '.join(names)}", where=where, hint="Give each its own.")
    return ReadInjections(tuple(planned), whole, tuple(found.assumed))


def _injection(given: Tree, number: int, common: Written, found: _Found) -> Planned | None:
    path: tuple[str | int, ...] = ("injections", number)
    if not isinstance(given, dict):
        found.say("expected keys and values", path)
        return None
    name = _word(given.get("name")) or f"injection {number + 1}"
    before = len(found.problems)
    found.known(given, _KEYS, path)
    tumours = given.get("tumours") or {}
    if not isinstance(tumours, dict):
        found.say("expected tumours and volumes", (*path, "tumours"), name, allowed="{T1: 40 mL, T2: 100 mL}")
        tumours = {}
    at = None
    if (stamp := _word(given.get("at"))) is not None:
        try:
            at = read_moment(stamp)
        except UnitError as error:
            found.say(str(error), (*path, "at"), name, read=f"'{stamp[:40]}'")
    texts = {key: _word(given[key]) for key in _TEXTS if given.get(key) is not None}
    ratios = _ratios(given.get("tn"), list(tumours), found, path, name) if given.get("tn") is not None else common.tn
    if "activity" in texts or "target_dose" in texts:  # the injection's own aim stands alone
        texts = {"activity": None, "target_dose": None, "target": None} | texts
    written = replace(
        common,
        **texts,
        tumour=[_word(volume) or "" for volume in tumours.values()],
        tn=ratios,
        measured=None,
        injection=(),
    )
    if written.model is None:
        written = replace(written, model="multi" if ratios else "mird")
    if len(found.problems) > before:
        return None
    try:
        request, assumed = read_request(written)
    except BadInput as error:
        for each in error.problems:
            key = _key_of(each.field)
            place = (*path, key) if key in given else path
            found.problems.append(replace(each, line=found.parsed.line(place), event=name, field=key))
        if not error.problems:
            found.say(error.message, path, name, hint=error.hint)
        return None
    except UserError as error:
        found.say(error.message, path, name, hint=error.hint)
        return None
    found.assumed |= dict.fromkeys(assumed)
    return Planned(name, request, tuple(tumours), at)


def _ratios(given: Tree, tumours: list[str], found: _Found, path: tuple[str | int, ...], name: str) -> list[str]:
    """One ratio for all tumours, or one for each, in their order."""
    if not isinstance(given, dict):
        return [_word(given) or ""]
    if set(given) != set(tumours):
        found.say(
            "the ratios and the tumours do not have the same names", (*path, "tn"), name, allowed=" ".join(tumours)
        )
        return []
    return [_word(given[tumour]) or "" for tumour in tumours]


def _word(value: Tree) -> str | None:
    return None if value is None else str(value)


def _key_of(option: str | None) -> str:
    key = (option or "").removeprefix("--").replace("-", "_")
    return "tumours" if key == "tumour" else key
