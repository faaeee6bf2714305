"""NASA FIRMS tables of active fires, all column sets: MODIS, VIIRS, archive and near real time, mixed."""

from collections.abc import Iterable

import geopandas as gpd
import numpy as np
import pandas as pd

SATELLITES = {
    "a": "Aqua",
    "aqua": "Aqua",
    "t": "Terra",
    "terra": "Terra",
    "n": "Suomi NPP",
    "npp": "Suomi NPP",
    "suomi npp": "Suomi NPP",
    "snpp": "Suomi NPP",
    "1": "NOAA-20",
    "n20": "NOAA-20",
    "j1": "NOAA-20",
    "noaa-20": "NOAA-20",
    "2": "NOAA-21",
    "n21": "NOAA-21",
    "j2": "NOAA-21",
    "noaa-21": "NOAA-21",
}
STATIC_SOURCE = "2"

_NEEDED = {"acq_date", "acq_time"}
_CONSUMED = {
    "acq_date",
    "acq_time",
    "satellite",
    "instrument",
    "confidence",
    "brightness",
    "bright_ti4",
    "frp",
    "daynight",
}


def is_firms(columns: Iterable[str]) -> bool:
    """Return whether a table, coordinates taken out, has the columns of NASA FIRMS."""
    return {str(name).casefold() for name in columns} >= _NEEDED


def firms_columns(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Rename and translate the columns of FIRMS to those of `fire_points`.

    The acquisition time is UTC; ``0005``, ``545`` and ``5`` are 00:05, 05:45 and 00:05. Brightness is the 4 um channel:
    `brightness` (MODIS, and VIIRS as some archives name it) or `bright_ti4` (VIIRS), row by row. MODIS confidence is a
    percentage, with the classes low < 30 <= nominal < 80 <= high of the MODIS Collection 6 user's guide (Giglio et al.
    2016, doi:10.1016/j.rse.2016.02.054); VIIRS gives the class alone. The archive's type 2 (other static land source)
    becomes the suspected type "fixed_heat_source". Other columns stay.

    Parameters
    ----------
    table : GeoDataFrame
        Text or typed columns.

    Returns
    -------
    GeoDataFrame
        Values that cannot be understood stay as they are, for the schema's check to name them.
    """
    named = table.rename(columns={name: str(name).casefold() for name in table.columns if name != "geometry"})
    satellite = _text(named, "satellite").map(lambda code: SATELLITES.get(code.casefold(), code), na_action="ignore")
    instrument = _instrument(named, satellite)
    percent, level = _confidence(_text(named, "confidence"), instrument)
    columns = {
        "time": _moment(_text(named, "acq_date"), _text(named, "acq_time")),
        "satellite": satellite,
        "instrument": instrument,
        "frp_mw": _text(named, "frp"),
        "confidence_pct": percent,
        "confidence": level,
        "brightness_k": _text(named, "brightness").fillna(_text(named, "bright_ti4")),
        "day_night": _text(named, "daynight"),
        **_suspected(named),
        "source": _source(named, instrument),
    }
    others = named.drop(columns=[*(_CONSUMED & set(named.columns)), "geometry"])
    kept = {name: others[name] for name in others.columns if name not in columns}
    return gpd.GeoDataFrame({**columns, **kept}, geometry=table.geometry, crs=table.crs)


def _text(table: pd.DataFrame, name: str) -> pd.Series:
    if name not in table:
        return pd.Series([None] * len(table), index=table.index, dtype="str")
    return table[name].map(lambda value: str(value).strip(), na_action="ignore").astype("str")


def _moment(date: pd.Series, clock: pd.Series) -> pd.Series:
    digits = clock.str.replace(":", "").str.replace(r"\.0$", "", regex=True).str.zfill(4)
    text = date.str.replace("/", "-").str[:10] + "T" + digits.str[:2] + ":" + digits.str[2:] + "Z"
    return text.where(date.notna() & clock.notna(), None)


def _instrument(table: pd.DataFrame, satellite: pd.Series) -> pd.Series:
    by_satellite = {"Aqua": "MODIS", "Terra": "MODIS", "Suomi NPP": "VIIRS", "NOAA-20": "VIIRS", "NOAA-21": "VIIRS"}
    return _text(table, "instrument").fillna(satellite.map(by_satellite).astype("str"))


def _confidence(given: pd.Series, instrument: pd.Series) -> tuple[pd.Series, pd.Series]:
    percent = pd.to_numeric(given, errors="coerce")
    named = given.where(percent.isna(), None)
    level = np.select([percent < 30, percent < 80, percent >= 80], ["low", "nominal", "high"], default="")
    by_percent = pd.Series(level, index=given.index, dtype="str").replace("", None)
    return percent, named.fillna(by_percent)


def _suspected(table: pd.DataFrame) -> dict[str, pd.Series]:
    static = (
        (_text(table, "type").str.replace(r"\.0$", "", regex=True) == STATIC_SOURCE).fillna(False).to_numpy(dtype=bool)
    )
    if not static.any():
        return {}
    texts = {"suspected_type": "fixed_heat_source", "grounds": "FIRMS type 2: static land source"}
    return {name: pd.Series(text, index=table.index, dtype="str").where(static) for name, text in texts.items()}


def _source(table: pd.DataFrame, instrument: pd.Series) -> pd.Series:
    version = _text(table, "version")
    return (
        ("NASA FIRMS " + instrument.fillna("") + " " + version.fillna(""))
        .str.replace(r"\s+", " ", regex=True)
        .str.strip()
    )
