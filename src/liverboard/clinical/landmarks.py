"""A few points that a reader sets on the vessels and fossae of the liver, and the planes that divide it; both can be edited by hand."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from liverboard.clinical.extent import CutPlane, Frozen

Coordinate = Annotated[float, Field(ge=-5000, le=5000, allow_inf_nan=False)]
Point = tuple[Coordinate, Coordinate, Coordinate]


def _one_or_many(written: Any) -> Any:
    """A single point [x, y, z] stands for a list of one."""
    if not isinstance(written, list | tuple):
        return written
    items: list[Any] = list(written)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return [items] if len(items) == 3 and all(isinstance(n, int | float) for n in items) else items


Points = Annotated[tuple[Point, ...], BeforeValidator(_one_or_many)]


class Landmarks(Frozen):
    """Points in LPS mm. Source of the planes that they define: liver_segment_adjacency.

    `vena_cava`: along the retrohepatic vena cava, the topmost where the hepatic veins enter. `middle_hepatic_vein`, `right_hepatic_vein`: along each vein.
    `umbilical_fissure`: along the left portal vein's ascending part or the falciform ligament. `portal_bifurcation`: where the portal vein divides.
    `gallbladder_fossa`: its deepest point. `ligamentum_venosum`: along its fissure; optional. `planes`: planes set by hand, which win over computed ones.
    """

    vena_cava: Points = ()
    middle_hepatic_vein: Points = ()
    right_hepatic_vein: Points = ()
    umbilical_fissure: Points = ()
    portal_bifurcation: Points = ()
    gallbladder_fossa: Points = ()
    ligamentum_venosum: Points = ()
    planes: tuple[CutPlane, ...] = ()
