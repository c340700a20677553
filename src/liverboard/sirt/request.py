"""The request for a plan, read from what a person writes: quantities with their units, masses or volumes, every problem told at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_args

from liverboard.errors import BadInput, Problem
from liverboard.sirt.activity import Convention
from liverboard.sirt.decay import activity_at, half_life_warning, hours_between, sirt_constant
from liverboard.sirt.limits import Scenario
from liverboard.sirt.moments import read_moment
from liverboard.sirt.plan import ERRORS, ModelName, Request, Target
from liverboard.sirt.products import Product, ProductName, product
from liverboard.units import UnitError, parse_quantity

_NO_EMPIRICAL = (
    "the empirical method of resin is left out: no source of its table (activity by tumour burden, reductions by lung shunt) was seen, and a number without"
    " source is not used"
)
T = TypeVar("T")
_KNOWN: dict[str, tuple[str, ...]] = {
    "product": get_args(ProductName),
    "model": get_args(ModelName),
    "target": get_args(Target),
    "scenario": get_args(Scenario),
    "convention": get_args(Convention),
}


@dataclass(frozen=True, slots=True)
class Written:
    """The options of `sirt activity` as written; None or empty: not given. `measured`: the moment that `activity` was measured at."""

    product: str
    model: str | None
    lung_shunt: str | None
    activity: str | None = None
    target_dose: str | None = None
    target: str | None = None
    residual: str | None = None
    tn: Sequence[str] = ()
    activity_ratio: str | None = None
    convention: str = "concentration_ratio"
    tumour: Sequence[str] = ()
    normal: str | None = None
    lung_mass: str | None = None
    density: str | None = None
    constant: str | None = None
    height: str | None = None
    weight: str | None = None
    liver: str | None = None
    treated_share: str | None = None
    scenario: str | None = None
    condition: Sequence[str] = ()
    prior_lung_dose: str | None = None
    error: Sequence[str] = ()
    measured: str | None = None
    injection: Sequence[str] = ()
    calibrated: Sequence[str] = ()
    vial: Sequence[str] = ()
    half_life: str | None = None


@dataclass(slots=True)
class _Reader:
    density_g_ml: float = 1.0
    problems: list[Problem] = field(default_factory=list[Problem])

    def quantity(self, option: str, text: str | None, unit: str) -> float | None:
        return None if text is None else self._try(option, text, lambda: parse_quantity(text, unit))

    def bare(self, option: str, text: str | None, unit: str) -> float | None:
        """A quantity whose unit may be left out, since the option has only one."""
        if text is None:
            return None
        return self._try(option, text, lambda: _number(text) if _is_number(text) else parse_quantity(text, unit))

    def mass_kg(self, option: str, text: str | None) -> float | None:
        """A mass, or a volume times the density."""
        return None if text is None else self._try(option, text, lambda: self.mass_kg_of(text))

    def mass_kg_of(self, text: str) -> float:
        try:
            return _above_0(parse_quantity(text, "g")) / 1000
        except UnitError:
            pass
        try:
            volume_ml = parse_quantity(text, "mL")
        except UnitError:
            raise UnitError("expected a volume or a mass with its unit, such as '200 mL' or '208 g'") from None
        return _above_0(volume_ml) * self.density_g_ml / 1000

    def _try(self, option: str, text: str, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except UnitError as error:
            self.problems.append(Problem(str(error), field=f"--{option}", read=f"'{text}'"))
            return None

    def moment(self, option: str, text: str | None) -> dt.datetime | None:
        return None if text is None else self._try(option, text, lambda: read_moment(text))

    def choice(self, option: str, text: str | None) -> Any:
        if text == "empirical" and option == "model":
            self.problems.append(Problem(_NO_EMPIRICAL, field="--model", hint="Use bsa, mird, partition or multi."))
        elif text is not None and text not in _KNOWN[option]:
            self.problems.append(
                Problem("not known", field=f"--{option}", read=f"'{text}'", allowed=", ".join(_KNOWN[option]))
            )
        return text


def read_request(written: Written) -> tuple[Request, list[str]]:
    """The request in canonical units, and what was assumed. Raises BadInput with every problem and its option."""
    reader = _Reader()
    for option in _KNOWN:
        reader.choice(option, getattr(written, option))
    for option, text in (("model", written.model), ("lung-shunt", written.lung_shunt)):
        if text is None:
            reader.problems.append(Problem("not given", field=f"--{option}"))
    tissue = sirt_constant("tissue", "liver_density")
    stated = reader.bare("density", written.density, "g/mL")
    if stated is not None and not 0.5 <= stated <= 2:
        reader.problems.append(
            Problem(f"{stated:g} g/mL is no density of liver or tumour", field="--density", hint="Such as 1.04 g/mL.")
        )
    reader.density_g_ml = tissue.value if stated is None else stated
    lung = sirt_constant("tissue", "lung_mass")
    shunt = reader.quantity("lung-shunt", written.lung_shunt, "fraction")
    lung_kg = reader.quantity("lung-mass", written.lung_mass, "kg")
    errors = dict(pair for text in written.error if (pair := _error(reader, text)) is not None)
    tumours = [reader.mass_kg("tumour", text) for text in written.tumour]
    ratios = [reader.quantity("tn", text, "1") for text in written.tn]
    given: dict[str, Any] = {
        "normal_kg": reader.mass_kg("normal", written.normal),
        "activity_ratio": reader.quantity("activity-ratio", written.activity_ratio, "1"),
        "activity_gbq": reader.quantity("activity", written.activity, "GBq"),
        "target_dose_gy": reader.quantity("target-dose", written.target_dose, "Gy"),
        "height_cm": reader.quantity("height", written.height, "cm"),
        "weight_kg": reader.quantity("weight", written.weight, "kg"),
        "liver_kg": reader.mass_kg("liver", written.liver),
        "prior_lung_dose_gy": reader.quantity("prior-lung-dose", written.prior_lung_dose, "Gy"),
    }
    residual = reader.quantity("residual", "0 %" if written.residual is None else written.residual, "fraction")
    treated = reader.quantity(
        "treated-share", "100 %" if written.treated_share is None else written.treated_share, "fraction"
    )
    constant = reader.bare("constant", written.constant, "Gy*kg/GBq")
    measured = reader.moment("measured", written.measured)
    injected = [reader.moment("injection", text) for text in written.injection]
    half_life = reader.quantity("half-life", written.half_life, "h")
    for text in written.calibrated:
        reader.moment("calibrated", text)
    for text in written.vial:
        reader.quantity("vial", text, "GBq")
    if reader.problems:
        raise BadInput("the request cannot be read", problems=reader.problems)
    made = product(written.product)
    told: list[str] = []
    if half_life is not None and (said := half_life_warning(half_life, made.nuclide)) is not None:
        told.append(said)
    if measured is not None:
        given["activity_gbq"], said = _at_injection(given["activity_gbq"], measured, injected, made)
        told.append(said)
    default = made.nuclide.dose_constants[0]
    request = Request(
        product=made,
        model=written.model,  # pyright: ignore[reportArgumentType]  (checked by `choice`)
        target=written.target,  # pyright: ignore[reportArgumentType]
        convention=written.convention,  # pyright: ignore[reportArgumentType]
        scenario=written.scenario,  # pyright: ignore[reportArgumentType]
        lung_shunt=shunt or 0.0,
        residual=residual or 0.0,
        treated_share=1.0 if treated is None else treated,
        constant_gy_kg_per_gbq=default.gy_kg_per_gbq if constant is None else constant,
        lung_kg=lung.value if lung_kg is None else lung_kg,
        tumours_kg=tuple(each for each in tumours if each is not None),
        tumour_to_normal=tuple(each for each in ratios if each is not None),
        conditions=tuple(written.condition),
        errors=errors,
        density_g_ml=reader.density_g_ml,
        **given,
    )
    return request, [*told, *_assumed(written, request, reader.density_g_ml)]


def read_mass_kg(text: str, density: str | None) -> float:
    """A mass, or a volume times the density (text; None: that of soft tissue). Raises UnitError."""
    stated = _Reader().bare("density", density, "g/mL")
    return _Reader(sirt_constant("tissue", "liver_density").value if stated is None else stated).mass_kg_of(text)


def read_order(
    written: Written,
) -> tuple[tuple[dt.datetime, ...], tuple[dt.datetime, ...], tuple[float, ...]]:
    """Moments of calibration, moments of injection, and vials in GBq at calibration. Raises BadInput with every problem and its option."""
    reader = _Reader()
    moments = [
        tuple(at for text in given if (at := reader.moment(option, text)) is not None)
        for option, given in (("calibrated", written.calibrated), ("injection", written.injection))
    ]
    vials = tuple(gbq for text in written.vial if (gbq := reader.quantity("vial", text, "GBq")) is not None)
    if reader.problems:
        raise BadInput("the request cannot be read", problems=reader.problems)
    return moments[0], moments[1], vials


def _at_injection(
    activity_gbq: float | None, measured: dt.datetime, injected: Sequence[dt.datetime | None], of: Product
) -> tuple[float, str]:
    """A measured activity at the moment of injection, and what to say of it."""
    if activity_gbq is None or len(injected) != 1 or injected[0] is None:
        raise BadInput(
            "the moment of a measurement needs the activity measured and one moment of injection",
            hint="Give --activity, --measured and --injection once each.",
        )
    at = activity_at(activity_gbq, measured, injected[0], of.nuclide)
    hours = hours_between(measured, injected[0])
    return (
        at,
        f"{activity_gbq:.4g} GBq measured {abs(hours):.1f} h {'before' if hours >= 0 else 'after'} the injection are {at:.4g} GBq at it",
    )


def _assumed(written: Written, request: Request, density: float) -> list[str]:
    volumes = any(_is_volume(text) for text in (*written.tumour, written.normal or "", written.liver or ""))
    default = request.product.nuclide.dose_constants[0]
    told = [
        (written.density is None and volumes, f"volumes became masses at {density:g} g/mL, soft tissue"),
        (written.lung_mass is None, f"lung mass taken as {request.lung_kg:g} kg, by convention"),
        (written.residual is None, "residual taken as 0 %"),
        (
            written.constant is None,
            f"dose constant taken as {default.gy_kg_per_gbq:g} Gy kg/GBq ({default.constant.name})",
        ),
    ]
    return [text for holds, text in told if holds]


def _error(reader: _Reader, text: str) -> tuple[str, float] | None:
    name, _, size = (part.strip() for part in text.partition("="))
    if name not in ERRORS:
        reader.problems.append(
            Problem("not known", field="--error", read=f"'{text}'", allowed=", ".join(f"{each}=10%" for each in ERRORS))
        )
        return None
    value = reader.quantity("error", size, "fraction")
    return None if value is None else (name, value)


def _above_0(value: float) -> float:
    if value <= 0:
        raise UnitError("a volume or mass is above 0")
    return value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(text: str) -> float:
    return parse_quantity(text.strip(), "1")


def _is_volume(text: str) -> bool:
    try:
        parse_quantity(text, "mL")
    except UnitError:
        return False
    return True
