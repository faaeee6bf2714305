"""From tables of observations and weather to arrays by hour and place."""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.errors import InvalidInput, MissingData

Array = NDArray[np.float64]

# What names a direction, which has no size: it becomes sine and cosine.
_DIRECTIONS = ("_from_deg", "_to_deg", "direction")


@dataclass(frozen=True)
class Hourly:
    """Values by hour and place (NaN where missing): consecutive hours in UTC, places with columns id and name."""

    values: Array
    times: pd.DatetimeIndex
    places: gpd.GeoDataFrame
    notes: tuple[str, ...]


def hourly_values(observations: pd.DataFrame, places: gpd.GeoDataFrame, *, fewest: int) -> Hourly:
    """Return the values of places with a position; see `tracing.alarms.find_alarms`.

    Raises
    ------
    InvalidInput
        Columns missing, times without zone, an id with two positions, infinite values.
    MissingData
        Fewer than `fewest` places with values and a position.
    """
    table = _checked(observations)
    known = _known_places(places)
    has = table["station_id"].isin(set(known["id"]))
    lost = sorted(set(table["station_id"][~has]))
    hours = table[has].assign(time=table["time"].dt.tz_convert("UTC").dt.floor("h"))
    wide = hours.pivot_table(index="time", columns="station_id", values="value", aggfunc="mean")
    if wide.shape[1] < fewest:
        raise MissingData(
            f"{wide.shape[1]} places with values and a position: at least {fewest} are needed"
            + (f" ({len(lost)} have no position, such as {lost[0]!r})" if lost else "")
        )
    wide = wide.asfreq("h")
    notes = (f"{len(lost)} places have no position and were left out, such as {lost[0]!r}.",) if lost else ()
    return Hourly(
        wide.to_numpy(dtype=float),
        pd.DatetimeIndex(wide.index),
        known.set_index("id").loc[wide.columns].rename_axis("id").reset_index(),
        notes,
    )


def _checked(observations: pd.DataFrame) -> pd.DataFrame:
    missing = [name for name in ("station_id", "time", "value") if name not in observations.columns]
    if missing:
        raise InvalidInput(f"the observations have no column {', '.join(missing)}")
    if not isinstance(observations["time"].dtype, pd.DatetimeTZDtype):
        raise InvalidInput("the times of the observations have no zone: make them UTC")
    if not pd.api.types.is_numeric_dtype(observations["value"]):
        raise InvalidInput(f"column value holds {observations['value'].dtype}, not numbers")
    values = observations["value"].to_numpy(dtype=float, na_value=np.nan)
    if np.isinf(values).any():
        raise InvalidInput("column value holds infinite values: mark them as missing or correct them")
    table = pd.DataFrame(
        {"station_id": observations["station_id"].astype(str), "time": observations["time"], "value": values}
    )
    return table.dropna(subset=["time", "value"])


def _known_places(places: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    if "id" not in places.columns:
        raise InvalidInput(f"the places have no column id; they have {', '.join(map(str, places.columns))}")
    located = places[~(places.geometry.isna() | places.geometry.is_empty)]
    names = located["name"].astype("str") if "name" in located.columns else located["id"].astype("str")
    known = gpd.GeoDataFrame(
        {"id": located["id"].astype(str), "name": names}, geometry=located.geometry.to_numpy(), crs=located.crs
    )
    twice = known["id"][known.duplicated("id") & ~pd.Series(_repeated(known), index=known.index)]
    if len(twice):
        raise InvalidInput(f"place {twice.iloc[0]!r} has two positions: keep one")
    return known.drop_duplicates("id").sort_values("id", ignore_index=True)


def _repeated(known: gpd.GeoDataFrame) -> NDArray[np.bool_]:
    return pd.DataFrame({"id": known["id"], "at": known.geometry.to_wkb()}).duplicated().to_numpy()


def weather_array(weather: pd.DataFrame | None, hourly: Hourly) -> tuple[Array, tuple[str, ...]]:
    """Return the weather of each hour and place, shape (hour, place, variable), and what was left out.

    Raises
    ------
    InvalidInput
        No column time with a zone, or no numbers.
    """
    shape = hourly.values.shape
    if weather is None:
        return np.empty((*shape, 0)), ()
    if "time" not in weather.columns or not isinstance(weather["time"].dtype, pd.DatetimeTZDtype):
        raise InvalidInput("the weather needs a column time with times in a known zone")
    numbers = [str(n) for n in weather.select_dtypes("number").columns if n not in ("station_id", "lon", "lat")]
    if not numbers:
        raise InvalidInput(f"the weather has no column with numbers; it has {', '.join(map(str, weather.columns))}")
    hours = weather.assign(time=weather["time"].dt.tz_convert("UTC").dt.floor("h"))
    planes = []
    for name in numbers:
        if name.endswith(_DIRECTIONS):
            angle = np.radians(hours[name].to_numpy(dtype=float, na_value=np.nan))
            planes += [_plane(hours, np.sin(angle), hourly), _plane(hours, np.cos(angle), hourly)]
        else:
            planes.append(_plane(hours, hours[name].to_numpy(dtype=float, na_value=np.nan), hourly))
    out = np.stack(planes, axis=-1)
    gaps = int((np.isnan(out).any(axis=2) & ~np.isnan(hourly.values)).sum())
    notes = (f"{gaps} values have no weather: their expectation is that of the hour alone.",) if gaps else ()
    return out, notes


def _plane(hours: pd.DataFrame, values: Array, hourly: Hourly) -> Array:
    table = hours[["time"]].assign(value=values)
    if "station_id" not in hours.columns:
        whole = table.groupby("time")["value"].mean().reindex(hourly.times).to_numpy(dtype=float)
        return np.repeat(whole[:, None], hourly.values.shape[1], axis=1)
    table["station_id"] = hours["station_id"].astype(str)
    wide = table.pivot_table(index="time", columns="station_id", values="value", aggfunc="mean", dropna=False)
    return wide.reindex(index=hourly.times, columns=hourly.places["id"]).to_numpy(dtype=float)
