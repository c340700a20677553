"""The packaged knowledge, as data: the fact dictionary, references, anatomy. Files are read once and must not be changed by those who read them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError

from liverboard.errors import KnowledgeBaseError

_MAX_CHARACTERS = 2_000_000
_REINSTALL = "The packaged knowledge is damaged or incomplete; install liverboard again."


class Reference(BaseModel):
    """One source. `verification`: A seen in the source itself, B seen as quoted elsewhere, U not seen; `how` says what was seen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    authors: str | None = None
    year: int | None = None
    doi: Annotated[str, StringConstraints(pattern=r"^10\.\d{4,9}/\S+$")] | None = None
    pmid: Annotated[str, StringConstraints(pattern=r"^\d+$")] | None = None
    pmcid: Annotated[str, StringConstraints(pattern=r"^PMC\d+$")] | None = None
    url: str | None = None
    verification: Literal["A", "B", "U"]
    how: str

    @property
    def citation(self) -> str:
        """Authors, title, year and identifiers in one line."""
        ids = (("DOI", self.doi), ("PMID", self.pmid), ("", self.pmcid))
        named = [f"{kind} {value}".strip() for kind, value in ids if value] or [self.url]
        return ". ".join(
            part.removesuffix(".") for part in (self.authors, self.title, str(self.year or ""), *named) if part
        )


@cache
def knowledge_version() -> str:
    """The version of the packaged knowledge, printed on every dossier."""
    return _read("VERSION").strip()


@cache
def load_yaml(name: str) -> Any:
    """The content of a packaged YAML file such as `anatomy/segments.yaml`.

    Raises KnowledgeBaseError: no such file, not YAML, or a key given twice.
    """
    try:
        return yaml.load(_read(name), Loader=_Loader)  # noqa: S506  (a safe loader that also refuses doubled keys)
    except yaml.YAMLError as error:
        raise KnowledgeBaseError(f"not readable: {' '.join(str(error).split())}", where=name, hint=_REINSTALL) from None


@cache
def load_references() -> Mapping[str, Reference]:
    """Every source by its key. Raises KnowledgeBaseError."""
    try:
        return MappingProxyType(TypeAdapter(dict[str, Reference]).validate_python(load_yaml("references.yaml")))
    except ValidationError as error:
        raise KnowledgeBaseError(reasons(error), where="references.yaml", hint=_REINSTALL) from None


def packaged_text(name: str) -> str:
    """A packaged file such as `evidence/studies.csv` as text. Raises KnowledgeBaseError."""
    return _read(name)


def packaged_texts(folder: str) -> Mapping[str, str]:
    """The YAML files of a packaged folder as text, by name. Raises KnowledgeBaseError."""
    names = sorted(
        entry.name for entry in (resources.files(__name__) / folder).iterdir() if entry.name.endswith(".yaml")
    )
    return {name: _read(f"{folder}/{name}") for name in names}


def yaml_with_lines(text: str) -> tuple[Any, dict[tuple[Hashable, ...], int]]:
    """The content of a YAML text, and the line (from 1) of each place in it, by its path (what an alias repeats has the lines of where it stands first).

    Raises yaml.YAMLError; also for a key given twice, for a value that is none (30 February), and above two million characters.
    """
    if len(text) > _MAX_CHARACTERS:
        raise yaml.MarkedYAMLError(problem=f"{len(text):,} characters; at most {_MAX_CHARACTERS:,} are read")
    loader: Any = _Loader(text)
    try:
        node = loader.get_single_node()
        content = None if node is None else loader.construct_document(node)
    finally:
        loader.dispose()
    lines: dict[tuple[Hashable, ...], int] = {}
    seen: set[int] = set()  # an alias is the node itself again, and may hold itself
    waiting: list[tuple[Any, tuple[Hashable, ...]]] = [] if node is None else [(node, ())]
    while waiting:
        node, path = waiting.pop()
        lines.setdefault(path, node.start_mark.line + 1)
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                lines[*path, key.value] = key.start_mark.line + 1
                waiting.append((value, (*path, key.value)))
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(item, (*path, place)) for place, item in enumerate(node.value)]
    return content, lines


def reasons(error: ValidationError) -> str:
    """What pydantic found, in one sentence: each place and its reason."""
    return "; ".join(
        f"{'.'.join(str(step) for step in fault['loc'])}: {fault['msg']}" for fault in error.errors(include_url=False)
    )


def _read(name: str) -> str:
    try:
        return (resources.files(__name__) / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise KnowledgeBaseError(f"cannot be read ({type(error).__name__})", where=name, hint=_REINSTALL) from None


_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Safe):
    """PyYAML lets the last of two equal keys win without a word; in a dictionary of facts that would hide a mistake. And 30 February is a bare ValueError to it."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep=deep)  # pyright: ignore
        except (ValueError, KeyError, AttributeError) as error:
            raise yaml.MarkedYAMLError(
                problem=f"not a value ({str(error)[:80]})", problem_mark=node.start_mark
            ) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value]
        doubled = sorted({str(key) for key in keys if keys.count(key) > 1 and key != "<<"})
        if doubled:
            raise yaml.MarkedYAMLError(problem=f"key given twice: {', '.join(doubled)}", problem_mark=node.start_mark)
        return super().construct_mapping(node, deep=deep)  # pyright: ignore
