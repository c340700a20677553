"""The evidence figures in one place: plain frozen inputs, SVG text out, each with its finding and its table twin."""

from liverboard.report.forest import (
    Forest,
    ForestGroup,
    ForestPool,
    ForestStudy,
    forest_finding,
    forest_svg,
    forest_table,
)
from liverboard.report.funnel import Funnel, FunnelStudy, funnel_finding, funnel_svg, funnel_table
from liverboard.report.mini_interval import MiniInterval, mini_interval_svg
from liverboard.report.network_plot import (
    NetworkEdge,
    NetworkNode,
    NetworkPicture,
    network_finding,
    network_svg,
    network_table,
)
from liverboard.report.survival_plot import (
    Survival,
    SurvivalCurve,
    survival_finding,
    survival_svg,
    survival_table,
)

__all__ = [
    "Forest",
    "ForestGroup",
    "ForestPool",
    "ForestStudy",
    "Funnel",
    "FunnelStudy",
    "MiniInterval",
    "NetworkEdge",
    "NetworkNode",
    "NetworkPicture",
    "Survival",
    "SurvivalCurve",
    "forest_finding",
    "forest_svg",
    "forest_table",
    "funnel_finding",
    "funnel_svg",
    "funnel_table",
    "mini_interval_svg",
    "network_finding",
    "network_svg",
    "network_table",
    "survival_finding",
    "survival_svg",
    "survival_table",
]
