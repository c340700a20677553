"""Every sentence that an error, a warning or a note can show on a page, read from the source: what code that the pages reach gives to errors and lists of warnings.

A sentence is a pattern: `{}` stands for each value of an f-string. What stands in it as a sentence of its own (one of two endings, a joined list) is a pattern too.
"""

from __future__ import annotations

import ast
import functools
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import liverboard

SOURCE = Path(liverboard.__file__).parent
PLACE = "{}"
# Rooms whose faults reach no page: the command line's own, statistics on numbers that are checked before, and studies that a centre adds, which the command line reads.
_NO_PAGE = (
    "cli",
    "phantom",
    "synthesis",
    "evidence.living",
    "evidence.states",
    "report",
    "web.demo",
    "web.vocabulary",
    "board.minutes",
)
_SLOTS = {"message", "hint", "where", "allowed", "problem", "warnings", "why"}
_LISTS = {"warnings", "problems", "faults", "found", "wrong", "told", "conflicts", "noted"}
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
Name = tuple[str, str]  # module, what is defined there


@dataclass(slots=True)
class _Module:
    tree: ast.Module
    defined: dict[str, ast.stmt] = field(default_factory=dict[str, ast.stmt])
    imported: dict[str, tuple[str, str | None]] = field(default_factory=dict[str, tuple[str, str | None]])


@functools.cache
def _modules() -> dict[str, _Module]:
    places = {
        ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix("__init__").rstrip("."): path
        for path in SOURCE.rglob("*.py")
    }
    found = {name: _Module(ast.parse(path.read_text(encoding="utf-8"))) for name, path in places.items()}
    for module in found.values():
        for node in module.tree.body:
            if isinstance(node, _DEFINITIONS):
                module.defined[node.name] = node
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    module.defined |= {each.id: node for each in ast.walk(target) if isinstance(each, ast.Name)}
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "liverboard":
                home = node.module.removeprefix("liverboard").lstrip(".")
                for name in node.names:
                    whole = f"{home}.{name.name}".lstrip(".")
                    module.imported[name.asname or name.name] = (whole, None) if whole in found else (home, name.name)
    return found


@functools.cache
def _resolved(module: str, name: str) -> Name | None:
    """Where a name that a module uses is defined; None outside our source."""
    for _ in range(8):
        here = _modules().get(module)
        if here is None:
            return None
        if name in here.defined:
            return module, name
        if name not in here.imported:
            return None
        module, original = here.imported[name]
        if original is None:
            return None
        name = original
    return None


@functools.cache
def _walked(node: ast.AST) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(node))


def _used(module: str, node: ast.AST) -> Iterator[Name]:
    imported = _modules()[module].imported
    for each in ast.walk(node):
        found = None
        if isinstance(each, ast.Name):
            found = _resolved(module, each.id)
        elif isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id in imported:
            home, name = imported[each.value.id]
            found = _resolved(home, each.attr) if name is None else None
        if found is not None:
            yield found


@functools.cache
def reached() -> frozenset[Name]:
    """What the pages can come to: everything that the web app defines, and what that uses."""
    todo = [(name, each) for name, module in _modules().items() if name.startswith("web") for each in module.defined]
    seen: set[Name] = set()
    while todo:
        here = todo.pop()
        if here in seen or any(f"{here[0]}.".startswith(f"{room}.") for room in _NO_PAGE):
            continue
        seen.add(here)
        todo += _used(here[0], _modules()[here[0]].defined[here[1]])
    return frozenset(seen)


@functools.cache
def _errors() -> frozenset[Name]:
    """Our exceptions, by where they are defined."""
    found: set[Name] = set()
    for module, name in itertools.chain(*[[(m, n) for n in each.defined] for m, each in _modules().items()]):
        node = _modules()[module].defined[name]
        if isinstance(node, ast.ClassDef) and _is_error(module, node):
            found.add((module, name))
    return frozenset(found)


def _is_error(module: str, node: ast.ClassDef) -> bool:
    for base in node.bases:
        if isinstance(base, ast.Name):
            if base.id in {"Exception", "ValueError"}:
                return True
            home = _resolved(module, base.id)
            parent = None if home is None else _modules()[home[0]].defined[home[1]]
            if home is not None and isinstance(parent, ast.ClassDef) and _is_error(home[0], parent):
                return True
    return False


@dataclass(frozen=True, slots=True)
class _Function:
    module: str
    name: str
    node: ast.FunctionDef | ast.AsyncFunctionDef
    within: tuple[ast.AST, ...] = ()

    @property
    def parameters(self) -> list[str]:
        taken = self.node.args
        return [each.arg for each in (*taken.posonlyargs, *taken.args, *taken.kwonlyargs)]


@functools.cache
def _functions() -> tuple[_Function, ...]:
    found: list[_Function] = []
    for module, name in sorted(reached()):
        node = _modules()[module].defined[name]
        if isinstance(node, _DEFINITIONS):
            found += [_Function(module, each.name, each) for each in ast.walk(node) if isinstance(each, _FUNCTIONS)]
    return tuple(found)


class _Reader:
    """Follows values that end in an error back to the words that they are made of."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self._asked: set[tuple[int, int]] = set()
        self._by_name: dict[Name, list[_Function]] = {}
        for each in _functions():
            self._by_name.setdefault((each.module, each.name), []).append(each)
        self._calls: dict[str, list[tuple[_Function, ast.Call]]] = {}
        for each in _functions():
            for node in _walked(each.node):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                    called = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                    self._calls.setdefault(called, []).append((each, node))

    def read(self) -> dict[str, str]:
        for here in _functions():
            for node in _walked(here.node):
                for value in self._slots(here, node):
                    self.take(here, value)
        return self.found

    def _slots(self, here: _Function, node: ast.AST) -> Iterator[ast.expr]:
        if isinstance(node, ast.Call):
            called = node.func.id if isinstance(node.func, ast.Name) else ""
            if called in {"Problem", "ValueError"} or _resolved(here.module, called) in _errors():
                yield from node.args[:1]
                yield from (each.value for each in node.keywords if each.arg in _SLOTS)
            elif called == "Verified":
                yield from node.args[3:]
            elif isinstance(node.func, ast.Attribute) and node.func.attr in {"append", "extend"}:
                if isinstance(node.func.value, ast.Name) and node.func.value.id in _LISTS:
                    yield from node.args
            else:
                yield from (e.value for e in node.keywords if e.arg in {"problem", "warnings", "hint", "conflicts"})
        elif isinstance(node, ast.FunctionDef) and node.name.strip("_") in _LISTS:
            yield from _given_back(node)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Subscript):
            if (
                isinstance(node.target.value, ast.Name) and node.target.value.id == "left"
            ):  # files left aside, by reason
                yield node.target.slice
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) and node.target.id in _LISTS:
            yield node.value

    def take(self, here: _Function, value: ast.expr) -> None:
        key = (id(here.node), id(value))
        if key in self._asked:
            return
        self._asked.add(key)
        for text in self.texts(here, value):
            shown = " ".join(text.split())
            if re.search(r"[a-z]{2}", shown.replace(PLACE, "")):
                self.found.setdefault(shown, f"{here.module}:{value.lineno}")

    def texts(self, here: _Function, value: ast.expr | None, depth: int = 6) -> list[str]:
        """Patterns that `value` can be; what is a value of the moment gives `{}`."""
        if depth == 0 or value is None:
            return [PLACE]
        match value:
            case ast.Constant():
                return [value.value] if isinstance(value.value, str) else [] if value.value is None else [PLACE]
            case ast.JoinedStr():
                found: dict[str, None] = {}
                for agreed in _branches(value):
                    parts = [self._part(here, each, depth) for each in agreed]
                    found |= {"".join(each): None for each in itertools.islice(itertools.product(*parts), 64)}
                return list(found)
            case ast.BinOp(op=ast.Add()):
                both = itertools.product(self.texts(here, value.left, depth), self.texts(here, value.right, depth))
                return ["".join(each) for each in both]
            case ast.IfExp():
                return self.texts(here, value.body, depth) + self.texts(here, value.orelse, depth)
            case ast.BoolOp():
                return [text for each in value.values for text in self.texts(here, each, depth)]
            case ast.List() | ast.Tuple() | ast.Set():
                return [text for each in value.elts for text in self.texts(here, each, depth)]
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp():
                return self.texts(here, value.elt, depth)
            case ast.Starred():
                return self.texts(here, value.value, depth)
            case ast.Name():
                return self._named(here, value.id, depth)
            case ast.Call():
                return self._called(here, value, depth)
            case ast.Dict():
                return [text for each in value.values for text in self.texts(here, each, depth)]
            case ast.Subscript():
                return self.texts(here, value.value, depth - 1)
            case ast.Await():
                return self.texts(here, value.value, depth)
            case _:
                return [PLACE]

    def _part(self, here: _Function, part: ast.expr, depth: int) -> list[str]:
        """A piece of an f-string: words that the source spells out are put in when they are an ending; else they stand for themselves, and a place stands here."""
        if not isinstance(part, ast.FormattedValue):
            return self.texts(here, part, depth)
        if isinstance(part.value, ast.BoolOp):
            return [
                text for each in part.value.values for text in self._part(here, ast.FormattedValue(each, -1), depth)
            ]
        if isinstance(part.value, ast.IfExp | ast.Constant | ast.JoinedStr) or (
            isinstance(part.value, ast.Subscript) and isinstance(part.value.value, ast.Dict)
        ):
            return self.texts(here, part.value, depth)
        texts = self.texts(here, part.value, depth - 1)
        if all(not text or text[0] in " (" or (len(text) < 4 and PLACE not in text) for text in texts):
            return texts  # an ending, or nothing; an article
        self.take(here, part.value)
        return [PLACE]

    def _named(self, here: _Function, name: str, depth: int) -> list[str]:
        texts: list[str] = []
        known = False
        for node in _walked(here.node):
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr | ast.AugAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    if isinstance(target, ast.Name) and target.id == name:
                        known = True
                        texts += self.texts(here, node.value, depth - 1)
                    elif isinstance(target, ast.Tuple) and node.value is not None:
                        place = next(
                            (k for k, e in enumerate(target.elts) if isinstance(e, ast.Name) and e.id == name), None
                        )
                        if place is not None:
                            known = True
                            texts += self._unpacked(here, node.value, place, depth - 1)
            elif isinstance(node, ast.For | ast.comprehension) and any(
                isinstance(each, ast.Name) and each.id == name for each in ast.walk(node.target)
            ):
                known = True
                texts += self.texts(here, node.iter, depth - 1)
            elif (
                (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr in {"append", "extend", "insert"}
                )
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == name
            ):
                known = True
                for each in node.args:
                    texts += self.texts(here, each, depth - 1)
        if name in here.parameters:
            known = True
            texts += self._given(here, name, depth)
        home = None if known else _resolved(here.module, name)
        if home is not None:
            node = _modules()[home[0]].defined[home[1]]
            if isinstance(node, ast.Assign | ast.AnnAssign):
                return self.texts(_Function(home[0], here.name, here.node), node.value, depth - 1)
        return texts or [PLACE]

    def _unpacked(self, here: _Function, value: ast.expr, place: int, depth: int) -> list[str]:
        if isinstance(value, ast.Tuple):
            return self.texts(here, value.elts[place], depth)
        if isinstance(value, ast.IfExp):
            return self._unpacked(here, value.body, place, depth) + self._unpacked(here, value.orelse, place, depth)
        if isinstance(value, ast.Call):
            return [
                text
                for there in self._targets(here, value)
                for given in _given_back(there.node)
                if isinstance(given, ast.Tuple) and place < len(given.elts)
                for text in self.texts(there, given.elts[place], depth - 1)
            ]
        return self.texts(here, value, depth)

    def _targets(self, here: _Function, call: ast.Call) -> list[_Function]:
        if isinstance(call.func, ast.Name):
            home = _resolved(here.module, call.func.id)
            return self._by_name.get(home or (here.module, call.func.id), [])
        if isinstance(call.func, ast.Attribute):
            name = call.func.attr
            if isinstance(call.func.value, ast.Name) and call.func.value.id in _modules()[here.module].imported:
                home = _modules()[here.module].imported[call.func.value.id][0]
                return self._by_name.get((home, name), [])
            return self._by_name.get((here.module, name), [])
        return []

    def _called(self, here: _Function, call: ast.Call, depth: int) -> list[str]:
        if isinstance(call.func, ast.Name) and call.func.id in {"_", "gettext"}:
            return []  # the words of the templates' own catalogue
        if isinstance(call.func, ast.Attribute) and call.func.attr == "join" and call.args:
            self.take(here, call.args[0])
            return [PLACE]
        if isinstance(call.func, ast.Attribute) and call.func.attr in {
            "get",
            "fromkeys",
            "removeprefix",
            "strip",
            "setdefault",
        }:
            texts = self.texts(here, call.func.value, depth - 1)
            return texts + [text for each in call.args[-1:] for text in self.texts(here, each, depth - 1)]
        if isinstance(call.func, ast.Attribute) and call.func.attr == "format":
            return self.texts(here, call.func.value, depth - 1)
        if isinstance(call.func, ast.Name) and call.func.id in {"list", "tuple", "str", "next", "sorted", "cast"}:
            return [text for each in call.args[-1:] for text in self.texts(here, each, depth)] or [PLACE]
        texts: list[str] = []
        for there in self._targets(here, call):
            for given in _given_back(there.node):
                texts += self.texts(there, given, depth - 1)
        return texts or [PLACE]

    def _given(self, here: _Function, name: str, depth: int) -> list[str]:
        """What callers give for a parameter."""
        taken = here.node.args
        ordered = [each.arg for each in (*taken.posonlyargs, *taken.args) if each.arg not in {"self", "cls"}]
        texts: list[str] = []
        for caller, call in self._calls.get(here.node.name, []):
            if here.node not in [each.node for each in self._targets(caller, call)]:
                continue
            given = next((each.value for each in call.keywords if each.arg == name), None)
            if given is None and name in ordered and ordered.index(name) < len(call.args):
                given = call.args[ordered.index(name)]
            if given is not None:
                self.take(caller, given)
        return texts


def _branches(joined: ast.JoinedStr) -> Iterator[list[ast.expr]]:
    """The pieces of an f-string, once for each way that its conditions can come out: "slice was", "slices were", and no "slices was"."""
    asked = [each.value for each in joined.values if isinstance(each, ast.FormattedValue)]
    tests = {ast.dump(each.test) for each in asked if isinstance(each, ast.IfExp)}
    for answers in itertools.product((True, False), repeat=len(tests)):
        holds = dict(zip(sorted(tests), answers, strict=True))
        pieces: list[ast.expr] = []
        for each in joined.values:
            inner = each.value if isinstance(each, ast.FormattedValue) else None
            if isinstance(inner, ast.IfExp):
                pieces.append(ast.FormattedValue(inner.body if holds[ast.dump(inner.test)] else inner.orelse, -1))
            else:
                pieces.append(each)
        yield pieces


def _given_back(node: ast.AST) -> Iterator[ast.expr]:
    for each in _walked(node):
        if isinstance(each, ast.Return | ast.Yield | ast.YieldFrom) and each.value is not None:
            yield each.value


@functools.cache
def sentences() -> dict[str, str]:
    """Each pattern and the place in the source where it stands."""
    return dict(sorted(_Reader().read().items()))
