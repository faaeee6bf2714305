"""Air quality index of China by date of the data: HJ 633-2012, and HJ 633-2026 from 2026-03-01."""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd

from geo.errors import InvalidInput
from layers.aqi_kernels import BREAKPOINTS, category, combine, index_table, sub_indices
from layers.frames import WGS84
from layers.observation_columns import SYNTHETIC, UNITS
from layers.times import CITY_ZONE

STANDARDS = ("HJ 633-2012", "HJ 633-2026")
CHANGE = pd.Timestamp("2026-03-01", tz=CITY_ZONE)
HOURLY = {"pm25": "pm25_1h", "pm10": "pm10_1h", "so2": "so2_1h", "no2": "no2_1h", "co": "co_1h", "o3": "o3_1h"}
DAILY = {"pm25": "pm25_24h", "pm10": "pm10_24h", "so2": "so2_24h", "no2": "no2_24h", "co": "co_24h", "o3_8h": "o3_8h"}
COLUMNS = {
    "pm25": "pm25_ug_m3",
    "pm10": "pm10_ug_m3",
    "so2": "so2_ug_m3",
    "no2": "no2_ug_m3",
    "co": "co_mg_m3",
    "o3": "o3_ug_m3",
}

_TOP = 800.0
_OVER_HOURLY = ("so2", "so2_24h")
_OVER_DAILY = ("o3_8h", "o3_1h")
_DAY_HOURS = 24
_VALID_HOURS = 20


@dataclass(frozen=True)
class Category:
    """One of the six categories: its names, its colour and the highest index that belongs to it."""

    number: int
    name_zh: str
    name_en: str
    colour: str
    highest: int


CATEGORIES = (
    Category(1, "优", "Excellent", "#00e400", 50),
    Category(2, "良", "Good", "#ffff00", 100),
    Category(3, "轻度污染", "Lightly polluted", "#ff7e00", 150),
    Category(4, "中度污染", "Moderately polluted", "#ff0000", 200),
    Category(5, "重度污染", "Heavily polluted", "#99004c", 300),
    Category(6, "严重污染", "Severely polluted", "#7e0023", 500),
)


def standard_of(times: pd.Series) -> np.ndarray:
    """Return the standard in force at each time (China's time decides; NaT gets the older one).

    Parameters
    ----------
    times : Series of datetimes with zone

    Returns
    -------
    ndarray of str
    """
    if not isinstance(times.dtype, pd.DatetimeTZDtype):
        raise InvalidInput("times for the air quality index have no zone; make them UTC")
    return np.where((times >= CHANGE).to_numpy(), STANDARDS[1], STANDARDS[0])


def iaqi(item: str, conc: np.ndarray, standard: str) -> np.ndarray:
    """Return the individual index of one item.

    Parameters
    ----------
    item : str
        A key of the break points, such as "pm25_24h" or "o3_1h".
    conc : ndarray, any shape, ug m-3 (CO mg m-3)
    standard : str
        One of `STANDARDS`.

    Returns
    -------
    ndarray of float
        Whole numbers 0..500; NaN where the concentration is missing, infinite or negative. SO2 1 h above 800 gives 200
        and O3 8 h above 800 gives 300: the highest that these items can say.

    Raises
    ------
    InvalidInput
        Unknown item or standard.
    """
    if standard not in BREAKPOINTS:
        raise InvalidInput(f"unknown standard {standard!r}; use one of {', '.join(STANDARDS)}")
    if item not in BREAKPOINTS[standard]:
        raise InvalidInput(f"unknown item {item!r}; use one of {', '.join(BREAKPOINTS[standard])}")
    given = np.asarray(conc, dtype=np.float64)
    flat = np.ravel(given)
    found = _sub_indices(item, flat, np.full(flat.size, standard == STANDARDS[1]))
    return np.where(found < 0, np.nan, found).reshape(given.shape)


def hourly_aqi(table: pd.DataFrame) -> pd.DataFrame:
    """Return the hourly index.

    Parameters
    ----------
    table : DataFrame
        Column time (with zone) and any of pm25, pm10, so2, no2, co, o3: 1-h means in ug m-3, CO mg m-3. A column
        so2_24h is used above 800 ug m-3 of SO2 under HJ 633-2012.

    Returns
    -------
    DataFrame, same index
        iaqi_<pollutant> for each column given, aqi, category (1..6), primary (pollutants of the largest index when it
        is above 50, joined by a comma), standard. Missing where there is no value.

    Notes
    -----
    HJ 633-2012 has no break points for 1-h PM2.5 and PM10: as in the public hourly reports, the 24-h ones are used for
    them. Above 800 ug m-3 of SO2 it asks for the index of the 24-h mean: the hour's index is then that of so2_24h,
    also where it is lower; where so2_24h is missing it stays at 200, its value at 800. HJ 633-2026 leaves it at 200.
    """
    return _index(table, HOURLY, standard_of(table["time"]), _OVER_HOURLY)


def daily_aqi(table: pd.DataFrame) -> pd.DataFrame:
    """Return the daily index.

    Parameters
    ----------
    table : DataFrame
        Column date (local date, naive or text) and any of pm25, pm10, so2, no2, co (24-h means) and o3_8h (the day's
        largest 8-h mean); a column o3_1h (the day's largest hour) is used above 800 ug m-3 under HJ 633-2012.

    Returns
    -------
    DataFrame
        As `hourly_aqi`, with iaqi_o3_8h for ozone.
    """
    days = pd.Series(pd.to_datetime(table["date"])).dt.tz_localize(CITY_ZONE)
    return _index(table, DAILY, standard_of(days), _OVER_DAILY)


def station_aqi(stations: gpd.GeoDataFrame, observations: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return the hourly index of stations as points in space and time (layer `station_aqi`).

    Parameters
    ----------
    stations : GeoDataFrame
        Columns id, name, geometry.
    observations : DataFrame
        Columns station_id, time (with zone), pollutant, value; ug m-3, CO mg m-3 (see `read_observations`). Negative
        values do not count.

    Returns
    -------
    GeoDataFrame
        EPSG:4326, one feature per station and hour, ordered by both: station_id, name, time, the six concentrations,
        aqi, category, primary, standard; synthetic (station or any of the hour's values is generated) where
        there is such a station or value. `attrs["notes"]` names stations
        without place and stations without values.

    Notes
    -----
    See `hourly_aqi`. The 24-h mean of SO2 that it may need runs over the hour and the 23 before it, at least 20 of them
    with a value (GB 3095-2012).
    """
    known = stations.drop_duplicates("id")
    found = observations[observations["station_id"].isin(known["id"]) & observations["pollutant"].isin(COLUMNS)]
    _require_plain(found)
    wide = found.pivot(index=["station_id", "time"], columns="pollutant", values="value").reindex(columns=list(COLUMNS))
    wide = wide.where(wide >= 0).sort_index()
    table = wide.reset_index().rename_axis(columns=None)
    table["so2_24h"] = _running_mean(wide["so2"])
    index = hourly_aqi(table)
    place = known.set_index("id").loc[table["station_id"]].reset_index(drop=True)
    columns = {
        "station_id": table["station_id"],
        "name": place["name"],
        "time": table["time"].dt.tz_convert("UTC").dt.as_unit("ms"),
        **{COLUMNS[name]: table[name].astype("float64") for name in COLUMNS},
        **{name: index[name].astype("Int64") for name in ("aqi", "category")},
        **{name: index[name] for name in ("primary", "standard")},
    }
    generated = _generated(found, wide.index)
    if "synthetic" in place or generated.any():
        of_station = place["synthetic"].fillna(False).astype(bool) if "synthetic" in place else False
        columns["synthetic"] = of_station | pd.Series(generated)
    points = gpd.GeoDataFrame(columns, geometry=place.geometry.to_crs(WGS84).array, crs=WGS84)
    points.attrs["notes"] = _station_notes(known, observations)
    return points


def _generated(found: pd.DataFrame, hours: pd.Index) -> np.ndarray:
    """Return for each station and hour whether any of its values carries the flag "synthetic"."""
    if "flag" not in found:
        return np.zeros(len(hours), dtype=bool)
    marked = found[found["flag"].fillna("").str.split(";").map(lambda flags: SYNTHETIC in flags).astype(bool)]
    return np.asarray(hours.isin(pd.MultiIndex.from_frame(marked[["station_id", "time"]])))


def _require_plain(found: pd.DataFrame) -> None:
    if found.duplicated(["station_id", "time", "pollutant"]).any():
        raise InvalidInput(
            "observations hold two values for one station, hour and pollutant; read them with read_observations"
        )
    if "unit" in found and (found["unit"] != found["pollutant"].map(UNITS)).any():
        raise InvalidInput("observations must be in ug/m3, CO in mg/m3; read them with read_observations")


def _index(table: pd.DataFrame, items: dict[str, str], standards: np.ndarray, over: tuple[str, str]) -> pd.DataFrame:
    present = [name for name in items if name in table]
    if not present:
        raise InvalidInput(f"no pollutant for the air quality index; give one of {', '.join(items)}")
    newer = standards == STANDARDS[1]
    sub = np.empty((len(present), len(table)), dtype=np.int16)
    for at, name in enumerate(present):
        sub[at] = _sub_indices(items[name], _numbers(table, name), newer)
    _replace_above_800(table, present, sub, newer, over)
    aqi, codes = np.empty(len(table), dtype=np.int16), np.empty(len(table), dtype=np.uint8)
    combine(sub, aqi, codes)
    result: dict[str, object] = {f"iaqi_{name}": _whole(sub[at]) for at, name in enumerate(present)}
    result |= {"aqi": _whole(aqi), "category": _whole(category(aqi)), "primary": _primary(codes, present)}
    result["standard"] = pd.array(STANDARDS, dtype="str").take(newer.astype(np.int8))
    return pd.DataFrame(result, index=table.index)


def _sub_indices(item: str, conc: np.ndarray, newer: np.ndarray) -> np.ndarray:
    decimals = 1 if item.startswith("co_") else 0
    older_table, newer_table = (index_table(BREAKPOINTS[standard][item], decimals) for standard in STANDARDS)
    found = np.empty(len(conc), dtype=np.int16)
    sub_indices(np.ascontiguousarray(conc), newer, (older_table, newer_table), 10.0**decimals, found)
    return found


def _replace_above_800(
    table: pd.DataFrame, present: list[str], sub: np.ndarray, newer: np.ndarray, over: tuple[str, str]
) -> None:
    """Apply what HJ 633-2012 says above 800 ug m-3: the index of another mean; without it the cap stays."""
    name, other = over
    if name in present and other in table:
        rows = np.flatnonzero(~newer & (np.rint(_numbers(table, name)) > _TOP))
        instead = _sub_indices(other, _numbers(table, other)[rows], newer[rows])
        at = present.index(name)
        sub[at, rows] = np.where(instead < 0, sub[at, rows], instead)


def _whole(values: np.ndarray) -> pd.arrays.IntegerArray:
    return pd.arrays.IntegerArray(values, values < 0)


def _primary(codes: np.ndarray, names: list[str]) -> pd.api.extensions.ExtensionArray:
    """Return the pollutants of each code, joined by commas in the order of `names`; missing for 0."""
    texts = [
        ",".join(name for at, name in enumerate(names) if code >> at & 1) or None for code in range(2 ** len(names))
    ]
    return pd.array(texts, dtype="str").take(codes.astype(np.int16))


def _numbers(table: pd.DataFrame, name: str) -> np.ndarray:
    """Return a column as float32 where it is that, else as float64."""
    column = table[name]
    return column.to_numpy() if column.dtype == np.float32 else column.to_numpy(dtype="float64", na_value=np.nan)


def _running_mean(so2: pd.Series) -> np.ndarray:
    """Return each station's mean over the hour and the 23 before it, of values indexed by station and time."""
    if so2.empty:
        return np.empty(0)
    by_time = so2.reset_index("station_id")
    rolled = by_time.groupby("station_id", sort=False)["so2"].rolling(f"{_DAY_HOURS}h", min_periods=_VALID_HOURS).mean()
    return rolled.to_numpy()


def _station_notes(known: gpd.GeoDataFrame, observations: pd.DataFrame) -> list[str]:
    seen = set(observations["station_id"].dropna())
    strangers = sorted(seen - set(known["id"]))
    silent = sorted(set(known["id"].dropna()) - seen)
    lines = {"left out, no such station in the layer": strangers, "stations without observations": silent}
    return [f"{text}: {', '.join(map(str, names))}" for text, names in lines.items() if names]
