"""At which values of a pollutant, or of the index, the categories of air quality begin."""

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from geo.errors import InvalidInput
from layers.air_quality import CATEGORIES, CHANGE, STANDARDS, Category
from layers.aqi_kernels import BREAKPOINTS, CATEGORY_LIMITS, IAQI_STEPS
from layers.observation_columns import unit_factor
from layers.schema import split_unit

Averaging = Literal["1h", "24h"]

_SUFFIXES = ("_ug_m3", "_mg_m3")
# Ozone has no daily mean: over a day it is the largest 8-h mean.
_DAILY = {"o3": "o3_8h", "o3_8h": "o3_8h", "o3_1h": "o3_1h"}


@dataclass(frozen=True)
class Levels:
    """The values above which each class but the first begins.

    `categories` are those of the classes, one more than levels, None for levels of the user's own; `source` (Chinese,
    English) says where the levels come from.
    """

    values: tuple[float, ...]
    categories: tuple[Category, ...] | None
    unit: str
    source: tuple[str, str]

    def title(self, number: int) -> tuple[str, str]:
        """Return what the class that begins above a level is called, in Chinese and English."""
        value = f"{self.values[number]:g} {self.unit}".strip()
        if self.categories is None:
            return f"> {value}", f"> {value}"
        begins = self.categories[number + 1]
        return f"{begins.name_zh}及以上（> {value}）", f"{begins.name_en} or worse (> {value})"


def pollutant_of(column: str) -> str | None:
    """Return the pollutant or index that a column's name tells: "pm25" of "PM2.5(μg/m³)"; None where it tells none."""
    name = split_unit(column)[0].casefold().strip()
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    name = name.replace("pm2.5", "pm25").replace("pm2_5", "pm25")
    known = {"aqi", "pm25", "pm10", "so2", "no2", "co", "o3", "o3_8h", "o3_1h"}
    return name if name in known else None


def unit_of(column: str) -> str:
    """Return the unit of a column's values, as its name tells or else the pollutant's own; empty where none is known.

    Raises
    ------
    InvalidInput
        The name tells a unit that no concentration has.
    """
    pollutant = pollutant_of(column)
    if pollutant is None or pollutant == "aqi":
        return ""
    own, other = ("mg/m3", "ug/m3") if pollutant == "co" else ("ug/m3", "mg/m3")
    return own if _factor(column, pollutant) == 1.0 else other


def in_own_unit(column: str) -> tuple[str, float]:
    """Return a column's name and what turns its values into the pollutant's own unit.

    ("pm25_ug_m3", 1000) of pm25_mg_m3; the name as it is, and 1, where nothing is to be done.
    """
    pollutant = pollutant_of(column)
    factor = 1.0 if pollutant is None or pollutant == "aqi" else _factor(column, pollutant)
    if factor == 1.0:
        return column, 1.0
    return f"{pollutant}_{'mg' if pollutant == 'co' else 'ug'}_m3", factor


def _factor(column: str, pollutant: str) -> float:
    name, unit = split_unit(column)
    if unit is None:
        unit = next((s[1:].replace("_", "/") for s in _SUFFIXES if name.casefold().endswith(s)), None)
    return 1.0 if unit is None else unit_factor(unit, pollutant)


def standard_at(time: pd.Timestamp | None) -> str:
    """Return the standard in force at a time; the newest where no time is known."""
    return STANDARDS[0] if time is not None and time < CHANGE else STANDARDS[1]


def category_levels(column: str, averaging: Averaging, standard: str) -> Levels:
    """Return the levels at which the categories 2 to 6 begin, as far as the standard has them.

    Raises
    ------
    InvalidInput
        The column's name tells no pollutant.
    """
    pollutant = pollutant_of(column)
    if pollutant is None:
        raise InvalidInput(
            f"column {column!r} is no pollutant with categories of its own: give --levels, or use a column called aqi, "
            "pm25, pm10, so2, no2, co, o3 or o3_8h"
        )
    if pollutant == "aqi":
        return Levels(tuple(map(float, CATEGORY_LIMITS)), CATEGORIES, "", ("AQI 级别", "categories of the AQI"))
    item = _DAILY.get(pollutant, f"{pollutant}_24h") if averaging == "24h" else f"{pollutant}_1h"
    if pollutant in ("o3_8h", "o3_1h"):
        item = pollutant
    steps = dict(zip(IAQI_STEPS, BREAKPOINTS[standard][item], strict=False))
    # The last step of an item that ends early is where it ends, not where a worse category begins.
    limits = [limit for limit in CATEGORY_LIMITS if limit in steps and limit < max(steps)]
    values = tuple(float(steps[limit]) for limit in limits)
    name = item.replace("_", " ")
    return Levels(
        values,
        CATEGORIES[: len(values) + 1],
        unit_of(column),
        (f"{standard} {name} 分级", f"categories of {standard} for {name}"),
    )


def own_levels(values: tuple[float, ...], column: str) -> Levels:
    """Return levels that the user gave.

    Raises
    ------
    InvalidInput
        They do not rise.
    """
    if any(not b > a for a, b in zip(values, values[1:], strict=False)):
        raise InvalidInput(f"levels {' '.join(f'{v:g}' for v in values)}: give rising numbers")
    return Levels(values, None, unit_of(column), ("自定界限", "levels as given"))
