"""What a symbol is: the plain values that a style, a legend and the browser share."""

from dataclasses import dataclass, field
from typing import Literal

Shape = Literal[
    "circle",
    "square",
    "diamond",
    "triangle",
    "triangle-down",
    "hexagon",
    "plus",
    "flame",
    "stack",
    "badge",
    "line",
    "area",
    "image",
]
TimeMode = Literal["all", "step"]


@dataclass(frozen=True)
class Symbol:
    """One drawn sign: shape, colour and text, so that colour is never the only difference.

    `size` is a radius and `weight` a line width, both in CSS pixels; `dash` is a list of pixels as SVG takes it
    ("" is a solid line); `text` is written into the shape.
    """

    shape: Shape
    fill: str = "#ffffff"
    stroke: str = "#333333"
    size: float = 7.0
    weight: float = 1.5
    dash: str = ""
    fill_opacity: float = 1.0
    text: str = ""
    text_colour: str = "#111111"


@dataclass(frozen=True)
class Case:
    """The symbol of the features whose column `LayerStyle.by` holds `value` (compared as text; "" is no value)."""

    value: str
    symbol: Symbol
    title_zh: str
    title_en: str


@dataclass(frozen=True)
class Facet:
    """A column by which the map's user narrows a layer down, and the value chosen at first ("" is all)."""

    column: str
    title_zh: str
    title_en: str
    default: str = ""


@dataclass(frozen=True)
class LayerStyle:
    """How the features of one layer schema, or of one layer with this id, look.

    `by` with `cases` picks the symbol by a column's value; `ordinal` with `ramp` gives the sorted distinct values
    of a numeric column one symbol after the other. `label` is the column that names a feature, `badge` the column
    written into the symbol. `spread` moves signs apart that would cover each other; `visible` is whether the layer
    is on at first; `base` layers belong to the base map and are not clicked. A `time` of "step" shows one moment at a
    time, at first the one at which the column `worst` has its highest mean. `tick_hours` marks a trajectory's hours.
    """

    schema_id: str
    group: str
    z: int
    symbol: Symbol
    by: str | None = None
    cases: tuple[Case, ...] = ()
    ordinal: str | None = None
    ramp: tuple[Symbol, ...] = ()
    ordinal_unit: str = ""
    label: str | None = None
    label_en: str | None = None
    badge: str | None = None
    badge_unit: str = ""
    show_label: bool = False
    spread: bool = False
    visible: bool = False
    base: bool = False
    time: TimeMode = "all"
    worst: str | None = None
    facets: tuple[Facet, ...] = field(default=())
    tick_hours: int = 0
