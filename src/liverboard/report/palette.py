"""Every colour, once. Pictures in HTML name a variable with the light colour as fallback; pictures in the PDF name the colour itself."""

from __future__ import annotations

from dataclasses import dataclass

LIGHT = {
    "page": "#ffffff",
    "quiet": "#f4f6f8",
    "line": "#d5dbe1",
    "mark": "#77838f",
    "ink": "#16202a",
    "soft": "#51606e",
    "accent": "#1f5f94",
    "teal": "#0b6e69",
    "amber": "#8a5a00",
    "violet": "#6b3fa0",
    "red": "#b3261e",
    "flag": "#ffd447",
    "on-flag": "#221b00",
    "map-0": "#edf1f5",
    "map-1": "#cfe0ee",
    "map-2": "#a3c4df",
    "map-3": "#6c9fc9",
    "map-4": "#3c76a8",
    "map-unknown": "#f6f6f6",
    "dot": "#16202a",
    "dot-text": "#ffffff",
    "halo": "#ffffff",
}
DARK = {
    "page": "#101418",
    "quiet": "#181e24",
    "line": "#333d47",
    "mark": "#7c8996",
    "ink": "#dfe5ea",
    "soft": "#a3afba",
    "accent": "#7fb9ea",
    "teal": "#58c4bb",
    "amber": "#e5b454",
    "violet": "#c0a1ee",
    "red": "#f28b82",
    "flag": "#e6bd3a",
    "on-flag": "#1a1500",
    "map-0": "#242c34",
    "map-1": "#283f53",
    "map-2": "#2d5676",
    "map-3": "#356f9b",
    "map-4": "#4489bf",
    "map-unknown": "#1b2127",
    "dot": "#f1ebdf",
    "dot-text": "#101418",
    "halo": "#101418",
}


def css_variables(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in colours.items())


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours for one medium. `variables`: CSS variables with fallbacks, for HTML that follows the theme."""

    variables: bool = False

    def __call__(self, name: str) -> str:
        return f"var(--{name},{LIGHT[name]})" if self.variables else LIGHT[name]

    @property
    def font(self) -> str:
        return "inherit" if self.variables else "Inter"


WEB = Palette(variables=True)
PRINT = Palette()
