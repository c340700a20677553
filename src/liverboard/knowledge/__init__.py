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


def packaged_texts(folder: str) -> Mapping[str, str]:
    """The YAML files of a packaged folder as text, by name. Raises KnowledgeBaseError."""
    names = sorted(
        entry.name for entry in (resources.files(__name__) / folder).iterdir() if entry.name.endswith(".yaml")
    )
    return {name: _read(f"{folder}/{name}") for name in names}


def yaml_with_lines(text: str) -> tuple[Any, dict[tuple[Hashable, ...], int]]:
    """The content of a YAML text, and the line (from 1) of each place in it, by its path. Raises yaml.YAMLError; also for a key given twice."""
    loader: Any = _Loader(text)
    try:
        node = loader.get_single_node()
        content = None if node is None else loader.construct_document(node)
    finally:
        loader.dispose()
    lines: dict[tuple[Hashable, ...], int] = {}

    def walk(node: Any, path: tuple[Hashable, ...]) -> None:
        lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                walk(value, (*path, key.value))
                lines[*path, key.value] = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode):
            for place, item in enumerate(node.value):
                walk(item, (*path, place))

    if node is not None:
        walk(node, ())
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
    """PyYAML lets the last of two equal keys win without a word; in a dictionary of facts that would hide a mistake."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value]
        doubled = sorted({str(key) for key in keys if keys.count(key) > 1 and key != "<<"})
        if doubled:
            raise yaml.MarkedYAMLError(problem=f"key given twice: {', '.join(doubled)}", problem_mark=node.start_mark)
        return super().construct_mapping(node, deep=deep)  # pyright: ignore
