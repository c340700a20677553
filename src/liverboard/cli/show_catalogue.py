"""The study catalogue in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from liverboard.cli.show import out_console

if TYPE_CHECKING:
    from liverboard.evidence.finding import Finding
    from liverboard.evidence.listing import Listing
    from liverboard.evidence.pools import Pool, Shown
    from liverboard.evidence.published import BesidePublished
    from liverboard.evidence.states import Added, Difference, State


def show_pool(pool: Pool, *, own: int) -> None:
    """The sentence first; then the arms, the pooled line under its banner, what is beside, how sure, what is left out."""
    out = out_console()
    out.print(f"[bold]{escape(pool.name)}, {escape(pool.label)}[/bold] (reads {escape(', '.join(pool.techniques))})")
    out.print(escape(pool.wording), soft_wrap=True)
    if pool.studies:
        table = _table("study", "events", "n", "value", "95 % interval", "weight", "criteria", "OCEBM", "from")
        for arm in pool.studies:
            levels = f"{arm.ocebm_treatment or '-'} / {arm.ocebm_prognosis or '-'}"
            table.add_row(
                escape(arm.label),
                "" if arm.events is None else str(arm.events),
                "" if arm.n is None else str(arm.n),
                _value(arm.estimate, pool),
                _span(arm.ci, pool),
                f"{100 * arm.weight:.0f} %",
                escape(arm.criteria),
                levels,
                escape(arm.extracted_from),
            )
        out.print(table)
    if pool.banner:
        out.print(f"[bold]{pool.banner.upper()}[/bold]")
    if pool.estimate is not None and pool.ci is not None:
        note = "" if pool.headline else "  (shown for checking, not a headline)"
        out.print(
            f"pooled {_value(pool.estimate, pool)}, 95 % interval {_span(pool.ci, pool)}; {pool.method}, {pool.ci_method}{note}"
        )
    if pool.prediction_interval is not None:
        out.print(f"prediction interval {_span(pool.prediction_interval, pool)}")
    if pool.tau2 is not None:
        i2 = "" if pool.i2 is None else f", I2 {pool.i2:.0f} %"
        out.print(f"between studies: tau2 {pool.tau2:.3g} on the logit scale{i2}")
    for line in pool.sensitivity:
        out.print(
            f"beside, {escape(line.name)}: {_sensitivity(line.estimate, line.ci)}{line.k} arms, {line.n} patients",
            soft_wrap=True,
        )
    out.print(escape(pool.certainty.rate.words), soft_wrap=True)
    out.print(escape(pool.certainty.comparison.words), soft_wrap=True)
    for domain in pool.certainty.rate.domains:
        change = "" if domain.change is None else f" ({domain.change:+d})"
        by = f", {domain.rater}, {domain.date}" if domain.rater else ""
        out.print(
            f"  {domain.domain.replace('_', ' ')}: {domain.state}{change}: {escape(domain.reason)}{escape(by)}",
            soft_wrap=True,
        )
    for contrast in pool.certainty.comparison.contrasts:
        out.print(f"  printed contrast: {escape(contrast)}", soft_wrap=True)
    _rows("listed", pool.listed)
    _rows("other units, never mixed in", pool.other_units)
    _rows("left out", pool.left_out)
    for warning in pool.warnings:
        out.print(f"note: {escape(warning)}", soft_wrap=True)
    out.print(
        f"catalogue {pool.catalogue_hash[:12]}, evidence {pool.evidence_hash[:12]}; {own} studies of this centre's own"
    )


def _sensitivity(estimate: float | None, ci: tuple[float, float] | None) -> str:
    return (
        "" if estimate is None or ci is None else f"{100 * estimate:.1f} % ({100 * ci[0]:.1f} to {100 * ci[1]:.1f}), "
    )


def _value(value: float, pool: Pool) -> str:
    return f"{100 * value:.1f} %" if pool.kind == "proportion" else f"{value:.1f}"


def _span(ci: tuple[float | None, float | None], pool: Pool) -> str:
    ends = [
        "not reached" if end is None else f"{100 * end:.1f}" if pool.kind == "proportion" else f"{end:.1f}"
        for end in ci
    ]
    return "" if ci == (None, None) else f"{ends[0]} to {ends[1]}"


def _rows(title: str, rows: Sequence[Shown]) -> None:
    out = out_console()
    if rows:
        out.print(f"{title}:")
    for row in rows:
        extra = "; ".join(part for part in (row.subgroup, row.timepoint, row.reason) if part)
        out.print(
            f"  {escape(row.label)} ({row.technique}): {escape(row.printed)}{'; ' + escape(extra) if extra else ''}",
            soft_wrap=True,
        )


def _table(*names: str) -> Table:
    table = Table(box=None, header_style="bold")
    for name in names:
        table.add_column(
            name,
            justify="right"
            if name in {"events", "n", "value", "95 % interval", "weight", "patients", "rows", "used"}
            else "left",
        )
    return table


def show_list(listing: Listing) -> None:
    out = out_console()
    searched = listing.searched or "not recorded"
    out.print(
        f"catalogue {listing.catalogue_hash[:12]} of {listing.date}, last search {searched}; {len(listing.arms)} arms, {listing.own_studies} studies of this centre's own"
    )
    table = _table("arm", "study", "technique", "patients", "design", "OCEBM", "pooled", "from")
    for arm in listing.arms:
        state = "retracted" if arm.retracted else "yes" if arm.include_in_pooling and arm.population == "nelm" else "no"
        table.add_row(
            arm.study_id,
            escape(arm.label),
            arm.technique,
            "" if arm.n_patients is None else str(arm.n_patients),
            escape(arm.design),
            f"{arm.ocebm_treatment or '-'} / {arm.ocebm_prognosis or '-'}",
            state,
            escape(arm.extracted_from),
        )
    out.print(table)
    pools = _table("technique", "outcome", "rows", "used")
    for row in listing.pools:
        pools.add_row(row.technique, row.outcome, str(row.rows), str(row.used))
    out.print(pools)


def show_findings(findings: Sequence[Finding]) -> None:
    """Errors first, then doubts, then notes."""
    out = out_console()
    for weight in ("error", "doubt", "note"):
        mine = [each for each in findings if each.weight == weight]
        out.print(f"[bold]{weight}: {len(mine)}[/bold]")
        for each in mine:
            kept = f" [on the page; kept: {each.kept}]" if each.on_page else ""
            out.print(escape(f"  {each.check}: {each.where}: {each.says}{kept}"), soft_wrap=True)


def show_published(rows: Sequence[BesidePublished]) -> None:
    out = out_console()
    for row in rows:
        split = f", {row.comparison}" if row.comparison else ""
        out.print(f"[bold]{escape(row.review)}[/bold] {row.technique}, {row.outcome}{escape(split)}", soft_wrap=True)
        out.print(
            f"  published {escape(row.published)}; ours ({escape(row.read_as)}) {escape(row.ours)}", soft_wrap=True
        )
        for reason in row.differs_because:
            out.print(f"  {escape(reason)}", soft_wrap=True)


def added_document(added: Added, *, written: bool) -> dict[str, object]:
    return {
        "study": added.study.file.study,
        "kind": added.study.kind,
        "before": added.before.hash,
        "after": added.after.hash,
        "date": added.after.date.isoformat(),
        "verdict": added.verdict,
        "triggers": [each.model_dump(mode="json") for each in added.triggers],
        "findings": [each.model_dump(mode="json") for each in added.findings],
        "changes": [{**each.model_dump(mode="json"), "says": each.says} for each in added.difference.changes],
        "cards": list(added.difference.cards),
        "notes": list(added.notes),
        "written": written,
    }


def show_added(added: Added, place: Path | None) -> None:
    out = out_console()
    out.print(
        f"[bold]{escape(added.study.file.study)}[/bold]: {added.study.kind}, {len(added.study.arms)} arms, {len(added.study.outcomes)} outcomes"
    )
    for each in added.findings:
        out.print(f"  {each.weight}: {escape(f'{each.check}: {each.where}: {each.says}')}", soft_wrap=True)
    _changes(added.difference)
    for trigger in added.triggers:
        out.print(f"update trigger ({trigger.letter}): {escape(trigger.says)}", soft_wrap=True)
    for note in added.notes:
        out.print(f"note: {escape(note)}", soft_wrap=True)
    out.print(f"[bold]{added.verdict}[/bold]; state {added.before.hash[:12]} -> {added.after.hash[:12]}")
    if place is None:
        out.print("nothing was written (--dry-run)")
    else:
        out.print(f"wrote {escape(str(place))}: {escape(', '.join(added.contents))}", soft_wrap=True)


def _changes(difference: Difference) -> None:
    out = out_console()
    if not difference.changes:
        out.print("no pool reads otherwise")
    for kind, title in (("technique:", "pools"), ("option:", "as the options read them")):
        mine = [change for change in difference.changes if change.pool.startswith(kind)]
        if mine:
            out.print(f"{title}:")
        for change in mine:
            out.print(f"  {escape(change.says)}", soft_wrap=True)
    out.print(f"option cards that change: {', '.join(difference.cards) or 'none'}")


def show_difference(difference: Difference, one: State, other: State) -> None:
    out = out_console()
    for name, state in (("A", one), ("B", other)):
        out.print(
            f"{name}: {state.hash[:12]} of {state.date}, {len(state.files)} studies of this centre's own ({escape(state.because)})"
        )
    for file in difference.files_added:
        out.print(f"  added {escape(file)}")
    for file in difference.files_gone:
        out.print(f"  gone {escape(file)}")
    _changes(difference)
