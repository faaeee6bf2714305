"""What the heating zones need to know, read from the ledgers: plants from their units, and boilers."""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.errors import InvalidInput

LARGE_UNIT_MW = 300.0
# One watt: unit conversions (300000 kW x 0.001) must not push a unit of exactly 300 MW below the limit.
_LIMIT_TOLERANCE_MW = 1e-6
_CHP_STATUS = ("operating", "planned", "retired")
_CAPACITY_OF = ("unit", "plant")
# What turns no steam can heat nobody; lists of power plants hold them beside the thermal ones.
_WITHOUT_HEAT = ("wind", "solar", "hydro", "风能", "风电", "风力", "光伏", "太阳能", "水电", "水能")


@dataclass(frozen=True, eq=False)
class HeatingPlant:
    """One plant with operating units.

    lon, lat : ndarray, degrees, one entry per unit that decides
    capacity_mw : the largest operating unit, or the total where `decided_by` is "plant_total"
    """

    name: str
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    capacity_mw: float
    decided_by: str

    @property
    def rule(self) -> str:
        """Return the rule that the capacity leads to."""
        large = self.capacity_mw >= LARGE_UNIT_MW - _LIMIT_TOLERANCE_MW
        return "chp_300mw_30km" if large else "other_15km"


def heating_plants(chp: gpd.GeoDataFrame) -> tuple[list[HeatingPlant], list[str]]:
    """Group units to plants, sorted by name, and say in Chinese and English what was left out or assumed.

    Raises
    ------
    InvalidInput
        See `layers.heating_zones.heating_zones`.
    """
    units = _points(chp, "chp")
    table = pd.DataFrame({"lon": units.geometry.x, "lat": units.geometry.y})
    table["plant"] = _plant_names(units)
    table["of"] = _choice(units, "capacity_of", _CAPACITY_OF, "unit")
    status = _choice(units, "status", _CHP_STATUS, None)
    warnings = _status_warnings(table["plant"], status)
    heatless = _text(units, "fuel").str.lower().isin(_WITHOUT_HEAT).to_numpy()
    if heatless.any():
        names = ", ".join(sorted(table["plant"][heatless].unique()))
        warnings.append(
            f"风电、光伏、水电不供热，未划定供热半径 / wind, solar and hydro give no heat, left out: {names}"
        )
    running = (status.isna() | (status == "operating")).to_numpy() & ~heatless
    table["capacity_mw"] = _capacity(units, running)
    table = table[running]
    if table.empty:
        warnings.append("没有在运的热电机组，未划定供热半径 / no CHP unit operates: no heating zone was drawn")
    return [_plant(str(name), rows) for name, rows in table.groupby("plant", sort=True)], warnings


def boiler_places(boilers: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Return the boilers as points with `name`, `fuel`, `capacity_tph` and `status`, and warnings.

    Raises
    ------
    InvalidInput
        No `fuel`, an empty one, or no position.
    """
    out = _points(boilers, "boilers")
    out["fuel"] = _needed(out, "fuel", "boilers").astype("str").str.strip().str.lower()
    empty = out["fuel"] == ""
    if empty.any():
        raise InvalidInput(_at("boilers", "fuel", empty, "is empty: say coal, gas, biomass or oil"))
    for name in ("name", "status"):
        out[name] = out[name].astype("str") if name in out else pd.Series(pd.NA, index=out.index, dtype="str")
    out["status"] = out["status"].str.strip().str.lower()
    out["capacity_tph"] = pd.to_numeric(out["capacity_tph"], errors="coerce") if "capacity_tph" in out else np.nan
    unknown = int(out["status"].isna().sum())
    if not unknown:
        return out, []
    return out, [f"{unknown} 台锅炉没有状态，按在用处理 / {unknown} boilers have no status and were taken as in use"]


def _plant(name: str, rows: pd.DataFrame) -> HeatingPlant:
    units = rows[rows["of"] == "unit"]
    deciding, decided_by = (rows, "plant_total") if units.empty else (units, "unit")
    lon, lat = deciding["lon"].to_numpy(dtype=float), deciding["lat"].to_numpy(dtype=float)
    return HeatingPlant(name, lon, lat, float(deciding["capacity_mw"].max()), decided_by)


def _points(frame: gpd.GeoDataFrame, what: str) -> gpd.GeoDataFrame:
    """Return a copy in longitude and latitude, a point per row, rows numbered from 0."""
    shapes = frame.geometry
    if shapes.crs is None:
        raise InvalidInput(f"{what}: the positions have no CRS: declare it (EPSG:4326 for longitude and latitude)")
    nowhere = (shapes.isna() | shapes.is_empty).reset_index(drop=True)
    if nowhere.any():
        raise InvalidInput(_at(what, "geometry", nowhere, "is missing: give every row a position"))
    points = shapes.to_crs(4326).representative_point().reset_index(drop=True)
    plain = pd.DataFrame(frame.drop(columns=shapes.name)).reset_index(drop=True)
    return gpd.GeoDataFrame(plain, geometry=points.rename("geometry"), crs=4326)


def _plant_names(units: gpd.GeoDataFrame) -> pd.Series:
    if "plant" not in units and "name" not in units:
        raise InvalidInput("chp: neither column plant nor name is there: name the plant of each unit")
    names = _text(units, "plant").fillna(_text(units, "name"))
    if names.isna().any():
        raise InvalidInput(_at("chp", "plant", names.isna(), "and name are both empty: name the plant"))
    return names


def _text(frame: pd.DataFrame, column: str) -> pd.Series:
    """Return a column of text with blanks as missing, all missing where there is no such column."""
    if column not in frame:
        return pd.Series(pd.NA, index=frame.index, dtype="str")
    text = frame[column].astype("str").str.strip()
    return text.mask(text == "")


def _choice(frame: pd.DataFrame, column: str, allowed: tuple[str, ...], default: str | None) -> pd.Series:
    values = _text(frame, column).str.lower()
    wrong = values.notna() & ~values.isin(allowed)
    if wrong.any():
        bad = values[wrong].iloc[0]
        raise InvalidInput(_at("chp", column, wrong, f"is {bad!r}: use one of {', '.join(allowed)}"))
    return values if default is None else values.fillna(default)


def _capacity(units: gpd.GeoDataFrame, running: NDArray[np.bool_]) -> pd.Series:
    """Return the capacities in MW; those of units that make no zone may be missing."""
    if "capacity_mw" not in units:
        raise InvalidInput("chp: column capacity_mw is missing: give each unit's capacity in MW")
    capacity = pd.to_numeric(units["capacity_mw"], errors="coerce").astype("float64")
    wrong = running & ~(np.isfinite(capacity) & (capacity >= 0.0))
    if wrong.any():
        raise InvalidInput(_at("chp", "capacity_mw", wrong, "is no capacity: give MW, 0 or more"))
    return capacity


def _needed(frame: gpd.GeoDataFrame, column: str, what: str) -> pd.Series:
    if column not in frame:
        raise InvalidInput(f"{what}: column {column} is missing: add it")
    missing = frame[column].isna()
    if missing.any():
        raise InvalidInput(_at(what, column, missing, "is empty: fill it in"))
    return frame[column]


def _status_warnings(plants: pd.Series, status: pd.Series) -> list[str]:
    warnings = []
    for state, zh in (("retired", "退役"), ("planned", "规划")):
        names = sorted(set(plants[(status == state).to_numpy()]))
        if names:
            count, listed = int((status == state).sum()), ", ".join(names)
            warnings.append(f"{count} 台{zh}机组不划供热半径：{listed} / {count} {state} units make no zone: {listed}")
    unknown = int(status.isna().sum())
    if unknown:
        warnings.append(
            f"{unknown} 台机组没有状态，按在运处理 / {unknown} units have no status and were taken as operating"
        )
    return warnings


def _at(what: str, column: str, rows: pd.Series, problem: str) -> str:
    first, more = int(np.flatnonzero(rows.to_numpy())[0]) + 1, int(rows.sum()) - 1
    others = f" (and {more} more rows)" if more else ""
    return f"{what} row {first}: column {column} {problem}{others}"
