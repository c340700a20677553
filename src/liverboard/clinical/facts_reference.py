"""The reference page of the facts, `docs/reference/facts.md`, rendered from the dictionary. A test holds page and dictionary together."""

from __future__ import annotations

from itertools import groupby

from liverboard.clinical.dictionary import FactDefinition, load_dictionary, load_lesion_dictionary
from liverboard.knowledge import load_references

_HEAD = """# The facts

<!-- Rendered from src/liverboard/knowledge/facts.yaml by liverboard.clinical.facts_reference; change the dictionary, not this page. -->

`facts_of(case, as_of, known_at)` gives each of these with unit, date, age and source event. A fact that nothing states is unknown, never "no". A value outside its plausible
range is questioned: kept and shown, and unknown to rules until its event says `confirmed: true`. Plausible ranges and days to staleness are conventions of this project.
A derived fact carries the date of its oldest input and the id of its latest event, and is unknown when an input is questioned. Counts are 0 only when a `history` event says
that the treatment history is complete; a count above 0 without it is "at least". The facts of a lesion come from `lesion_facts_of(case, as_of, known_at)`. Of corrections the latest counts; nothing after the day, or entered after the moment, is seen.
"""


def render_facts_reference() -> str:
    """The page, as Markdown."""
    parts = [_HEAD]
    every = (*load_dictionary().values(), *load_lesion_dictionary().values())
    for group, facts in groupby(every, key=lambda fact: fact.group):
        parts.append(f"\n## {group[0].upper()}{group[1:]}\n")
        parts.append(
            "\n| fact | type, unit | plausible | stale after | definition | from | who supplies |\n| --- | --- | --- | --- | --- | --- | --- |\n"
        )
        parts += [_row(fact) for fact in facts]
    parts.append(
        "\n## Sources\n\nVerification: A seen in the source itself, B seen as quoted elsewhere, U not seen.\n\n| key | source | verification |\n| --- | --- | --- |\n"
    )
    used = {key for fact in every for key in (fact.source, fact.code.verified if fact.code else None) if key}
    for key, source in load_references().items():
        if key in used:
            parts.append(f"| `{key}` | {_cell(source.title)} | {source.verification}: {_cell(source.how)} |\n")
    return "".join(parts)


def _row(fact: FactDefinition) -> str:
    kind = " \\| ".join(fact.values) or fact.type
    unit = f", {fact.unit}" if fact.unit else ""
    plausible = "" if fact.plausible is None else f"{fact.plausible[0]:g} to {fact.plausible[1]:g}"
    stale = "" if fact.stale_after_days is None else f"{fact.stale_after_days} d"
    origin = f"`{fact.stated_in}`" if fact.stated_in else _cell(fact.derivation or "")
    if fact.source:
        origin += f" [`{fact.source}`]"
    if fact.read_behind:
        origin += f"; read only behind `{fact.read_behind}`"
    definition = _cell(fact.definition) + (f" {fact.code.system} {fact.code.code}." if fact.code else "")
    return f"| `{fact.name}` | {kind}{unit} | {plausible} | {stale} | {definition} | {origin} | {fact.who_supplies} |\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").strip()
