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
