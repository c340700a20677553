"""What measured doses mean: biological effect of each structure, and the limits of the non-tumour liver beside its dose."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from liverboard.clinical.extent import Frozen
from liverboard.errors import BadInput
from liverboard.knowledge import load_yaml
from liverboard.sirt.decay import Nuclide
from liverboard.sirt.dose_volume import DoseVolume
from liverboard.sirt.limits import LimitCheck, Scenario, compare, conditions, in_words, limits_for, with_probability
from liverboard.sirt.products import ProductName
from liverboard.sirt.radiobiology import Effect, Tissue, effect
from liverboard.sirt.uncertainty import Interval

_NORMAL = re.compile(r"\b(normal|healthy|non-?\s?tumou?r\w*|uninvolved|parenchyma)\b", re.IGNORECASE)
_TUMOUR = re.compile(r"\b(tumou?rs?|lesions?|metasta\w+|gtv)\b|^m\d+\b", re.IGNORECASE)
_OTHER = re.compile(r"\b(lungs?|kidneys?|spleen|heart|bowel|stomach|bone)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Treated:
    """What a person says of the treatment. `normal_liver`, `tumours`: names of structures; None and empty: as their names say. `product` None: no limit is compared."""

    product: ProductName | None = None
    scenario: Scenario | None = None
    conditions: tuple[str, ...] = ()
    normal_liver: str | None = None
    tumours: tuple[str, ...] = ()


class UniformDose(Frozen):
    """Equivalent uniform dose in Gy over the range of alpha (1/Gy); it falls as alpha grows. A dose of cell survival: it says nothing of normal liver."""

    eud_gy: float
    eud_band_gy: tuple[float, float]
    alpha_per_gy: float
    alpha_range_per_gy: tuple[float, float]
    sources: tuple[str, ...]


def tissues(names: Sequence[str], treated: Treated) -> tuple[dict[str, Tissue], tuple[str, ...]]:
    """Which structures are tumour and which one is non-tumour liver, and what was taken from a name alone.

    Raises BadInput: a name that no structure has, one that is said to be both.
    """
    for asked in (*treated.tumours, *([treated.normal_liver] if treated.normal_liver else [])):
        if asked not in names:
            raise BadInput(f"no structure '{asked}'", hint=f"The file holds: {', '.join(names)}.")
    if treated.normal_liver in treated.tumours:
        raise BadInput(f"'{treated.normal_liver}' is said to be tumour and non-tumour liver", hint="Say one of both.")
    found: dict[str, Tissue] = dict.fromkeys(treated.tumours, "tumour")
    by_name: list[str] = []
    normal = treated.normal_liver
    if normal is None:
        alike = [n for n in names if _NORMAL.search(n) and not _OTHER.search(n) and n not in treated.tumours]
        if len(alike) == 1:
            normal = alike[0]
            by_name.append(f"{normal} is non-tumour liver")
    if normal is not None:
        found[normal] = "normal_liver"
    if not treated.tumours:
        alike = [
            n for n in names if _TUMOUR.search(n) and not _NORMAL.search(n) and not _OTHER.search(n) and n != normal
        ]
        found |= dict.fromkeys(alike, "tumour")
        by_name += [f"tumours: {', '.join(alike)}"] if alike else []
    said = f"by their names, {'; '.join(by_name)}; say it otherwise with --normal-liver and --tumour"
    return found, (said,) if by_name else ()


def uniform_dose(volume: DoseVolume) -> UniformDose | None:
    """The equivalent uniform dose of a tumour with its band; None without a dose. Cold parts count."""
    entry = load_yaml("constants/sirt.yaml")["radiobiology"]["tumour"]["alpha"]
    middle, least, most = (volume.equivalent_uniform_dose(float(entry[key])) for key in ("value", "high", "low"))
    if middle is None or least is None or most is None:
        return None
    return UniformDose(
        eud_gy=middle,
        eud_band_gy=(least, most),
        alpha_per_gy=entry["value"],
        alpha_range_per_gy=(entry["low"], entry["high"]),
        sources=tuple(sorted({entry["source"], entry["range_from"]})),
    )


def effects_of(volume: DoseVolume, mean_gy: float | None, tissue: Tissue | None, of: Nuclide) -> dict[str, object]:
    """`effect` (BED and EQD2 of the mean dose, each with its band) and, for tumours, `uniform_dose`; empty where the tissue is not known.

    `mean_gy`: recovered, where a recovery was asked for.
    """
    if tissue is None or mean_gy is None:
        return {}
    found: Effect = effect(mean_gy, tissue, of)
    uniform = uniform_dose(volume) if tissue == "tumour" else None
    told: dict[str, object] = {"effect": found.model_dump(mode="json")}
    if uniform is not None:
        told["uniform_dose"] = uniform.model_dump(mode="json")
    return told


def liver_limits(name: str, mean_gy: float, interval: Interval | None, treated: Treated) -> list[LimitCheck]:
    """The limits on non-tumour liver, perfused or whole, beside the mean dose of the structure `name`, with the probability that each is kept.

    Raises BadInput: an unknown condition.
    """
    if unknown := [each for each in treated.conditions if each not in conditions()]:
        raise BadInput(f"no condition '{unknown[0]}'", hint=f"Known: {', '.join(conditions())}.")
    if treated.product is None:
        return []
    asked = [
        each
        for each in limits_for(treated.product, treated.scenario, treated.conditions)
        if each.on in {"normal_liver", "normal_liver_whole"} and each.bound == "at_most" and each.quantity == "dose_gy"
    ]
    doses: Mapping[str, float] = {"normal_liver": mean_gy, "normal_liver_whole": mean_gy}
    found = [with_probability(check, interval) for check in compare(asked, doses, {}, 1.0)]
    # How much more activity a limit allows is a question of a plan.
    return [
        check.model_copy(
            update={"activity_at_limit_gbq": None, "says": check.says.replace(in_words(check.on), name, 1)}
        )
        for check in found
    ]
