"""A table of contrasts or arms, read for network meta-analysis."""

from __future__ import annotations

import math

from liverboard.board.tables import BLANK, Table, shorten
from liverboard.errors import BadInput, Problem
from liverboard.synthesis.network import Better, Network, Tau2Method, fit_network
from liverboard.synthesis.network_rows import Arm, Contrast, studies_from_arms, studies_from_contrasts
from liverboard.synthesis.result import Scale

CONTRASTS = ("study", "treat1", "treat2", "effect", "se")
ARMS = ("study", "treat", "events", "n")
_MOST_TREATMENTS = 200


def pool_network(
    table: Table, *, tau2: Tau2Method = "reml", better: Better = "lower", scale: Scale = "as_given"
) -> Network:
    """The network of a table. Columns `study, treat1, treat2, effect, se` (optional `n1, n2`), or `study, treat, events, n` (log odds ratios).

    `scale` names what the effects of contrasts are. Raises BadInput with line and column, and where the network cannot be fitted.
    """
    if table.has(*CONTRASTS):
        studies, said = studies_from_contrasts(_contrasts(table))
    elif table.has(*ARMS):
        studies, said = studies_from_arms(_arms(table))
        scale = "log_odds_ratio"
    else:
        raise BadInput(
            "the columns are not those of a network",
            where=table.name,
            hint=f"Give {', '.join(CONTRASTS)} (all pairs of a multi-arm study), or {', '.join(ARMS)}. The columns are: {', '.join(table.columns)}.",
        )
    if len({arm for study in studies for arm in study.arms}) > _MOST_TREATMENTS:
        raise BadInput(
            f"the network has more than {_MOST_TREATMENTS} treatments",
            where=table.name,
            hint="Check the treatment columns.",
        )
    return fit_network(studies, tau2=tau2, better=better, scale=scale, warnings=said)


def _named(table: Table, *columns: str) -> None:
    """Refuse empty names of studies and treatments."""
    problems = [
        Problem("no name is written", line=table.lines[row], field=column)
        for column in columns
        for row, cell in enumerate(table.text(column))
        if cell.lower() in BLANK
    ]
    if problems:
        raise BadInput("a study or treatment has no name", where=table.name, problems=shorten(problems))


def _contrasts(table: Table) -> list[Contrast]:
    _named(table, "study", "treat1", "treat2")
    sizes = [
        table.numbers(n, least=0, blank=True).tolist() if table.has(n) else [math.nan] * len(table)
        for n in ("n1", "n2")
    ]
    columns = zip(
        table.text("study"),
        table.text("treat1"),
        table.text("treat2"),
        table.numbers("effect").tolist(),
        table.numbers("se").tolist(),
        *sizes,
        table.lines,
        strict=True,
    )
    return [
        Contrast(s, a, b, y, se, None if math.isnan(n1) else n1, None if math.isnan(n2) else n2, line)
        for s, a, b, y, se, n1, n2, line in columns
    ]


def _arms(table: Table) -> list[Arm]:
    _named(table, "study", "treat")
    columns = zip(
        table.text("study"),
        table.text("treat"),
        table.numbers("events", whole=True, least=0).tolist(),
        table.numbers("n", whole=True).tolist(),
        table.lines,
        strict=True,
    )
    return [Arm(*row) for row in columns]
