"""Signs that an instrument is at fault: flagged with the reason, never deleted."""

import geopandas as gpd
import numpy as np
import pandas as pd

from geo.errors import InvalidInput
from geo.geodesic import distance_matrix_m

SIGNS = {
    "stuck": ("数值长时间不变", "the value does not change"),
    "jump": ("单小时突变", "one hour stands out from both beside it"),
    "neighbours": ("与周边站点长时间不一致", "unlike the stations around for a day"),
    "pm25_over_pm10": ("PM2.5 高于 PM10", "PM2.5 above PM10"),
    "negative": ("负值", "a negative value"),
}
_KEY = ["station_id", "pollutant", "time"]
_HOUR = pd.Timedelta(hours=1)
_STUCK_HOURS = 12
# Below these (ug m-3, CO mg m-3) instruments repeat their lowest readings in clean air.
_STUCK_ABOVE = {"pm25": 5.0, "pm10": 5.0, "so2": 20.0, "no2": 10.0, "co": 1.5, "o3": 20.0}
_STUCK_GAP = 3 * _HOUR
# How far an hour must stand out from both beside it, and how many times over or under them.
_JUMP = {"pm25": 150.0, "pm10": 300.0, "so2": 150.0, "no2": 100.0, "co": 4.0, "o3": 120.0}
_JUMP_TIMES = 3.0
_NEAR_M = 20_000.0
_NEAREST = 8
_FEWEST = 3
_WINDOW_H = 24
_WINDOW_SHARE = 0.8
# Half or twice the neighbours' median is not enough by itself in clean air.
_UNLIKE = {"pm25": 25.0, "pm10": 50.0, "so2": 30.0, "no2": 40.0, "co": 1.0, "o3": 60.0}
_UNLIKE_TIMES = 2.0
_PM_TIMES = 1.1
_PM_MARGIN = 5.0


def flag_faults(observations: pd.DataFrame, stations: gpd.GeoDataFrame | None = None) -> pd.DataFrame:
    """Return the observations with the signs of faults in the column flag.

    Parameters
    ----------
    observations : DataFrame
        Columns station_id, time (with zone), pollutant, value (ug m-3, CO mg m-3), flag; hourly, no repeats.
    stations : GeoDataFrame, optional
        Columns id, geometry; without it no station is compared with its neighbours.

    Returns
    -------
    DataFrame
        The same rows and values. Flags of an earlier call are taken off first; others stay. A flag is "stuck" (12
        values in a row alike, above what instruments repeat in clean air), "jump" (an hour three times over or under
        both beside it, and far from them), "neighbours" (for 19 of 24 hours more than twice or less than half the
        median of 3 to 8 stations within 20 km, always to the same side), "pm25_over_pm10" (by over 10 % and 5 ug m-3;
        on both values) or "negative". The limits are choices made here, not a standard's.

    Raises
    ------
    InvalidInput
        Two values for one station, hour and pollutant.
    """
    if observations.duplicated(_KEY).any():
        raise InvalidInput("observations hold two values for one station, hour and pollutant; keep one")
    ordered = observations.sort_values(_KEY, kind="stable")
    signs = {"stuck": _stuck(ordered), "jump": _jump(ordered)}
    rows = pd.DataFrame({name: pd.Series(found, ordered.index) for name, found in signs.items()}).loc[
        observations.index
    ]
    rows["neighbours"] = False if stations is None else _unlike_neighbours(observations, stations)
    rows["pm25_over_pm10"] = _pm25_over_pm10(observations)
    rows["negative"] = (observations["value"] < 0).to_numpy()
    return observations.assign(flag=_joined(observations["flag"].fillna(""), rows))


def faults(observations: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each station, pollutant and sign among flagged observations.

    Returns
    -------
    DataFrame
        station_id, pollutant, sign, first, last (UTC), hours, reason_zh, reason_en; the longest first.
    """
    each = observations.assign(sign=observations["flag"].fillna("").str.split(";")).explode("sign")
    each = each[each["sign"].isin(list(SIGNS))]
    grouped = each.groupby(["station_id", "pollutant", "sign"])["time"].agg(first="min", last="max", hours="count")
    table = grouped.reset_index().sort_values("hours", ascending=False, kind="stable", ignore_index=True)
    reasons = {name: [SIGNS[sign][at] for sign in table["sign"]] for at, name in enumerate(("reason_zh", "reason_en"))}
    return table.assign(**{name: pd.Series(texts, dtype="str") for name, texts in reasons.items()})


def _joined(flags: pd.Series, rows: pd.DataFrame) -> pd.Series:
    codes = rows.to_numpy() @ (1 << np.arange(rows.shape[1]))
    pairs = pd.DataFrame({"flag": flags.to_numpy(), "code": codes})
    texts = {}
    for flag, code in pairs.drop_duplicates().itertuples(index=False, name=None):
        kept = [part for part in flag.split(";") if part and part not in SIGNS]
        texts[flag, code] = ";".join(kept + [name for at, name in enumerate(rows) if code >> at & 1])
    return pd.Series([texts[pair] for pair in zip(flags, codes, strict=True)], index=flags.index, dtype="str")


def _stuck(ordered: pd.DataFrame) -> np.ndarray:
    same = ~_edges(ordered, _STUCK_GAP) & (ordered["value"] == ordered["value"].shift()).to_numpy()
    run = np.cumsum(~same)
    length = np.bincount(run)[run]
    return (length >= _STUCK_HOURS) & (ordered["value"] > ordered["pollutant"].map(_STUCK_ABOVE)).to_numpy()


def _jump(ordered: pd.DataFrame) -> np.ndarray:
    value = ordered["value"].to_numpy()
    edge = _edges(ordered, _HOUR)
    inner = ~edge & ~np.append(edge[1:], True)
    before, after = np.roll(value, 1), np.roll(value, -1)
    low, high = np.minimum(before, after), np.maximum(before, after)
    far = ordered["pollutant"].map(_JUMP).to_numpy(dtype="float64")
    up = (value - high > far) & (value > _JUMP_TIMES * high)
    down = (low - value > far) & (value * _JUMP_TIMES < low)
    return inner & (up | down)


def _edges(ordered: pd.DataFrame, gap: pd.Timedelta) -> np.ndarray:
    """Return whether a row begins a series, or follows a gap longer than this."""
    new = (ordered["station_id"] != ordered["station_id"].shift()) | (
        ordered["pollutant"] != ordered["pollutant"].shift()
    )
    return (new | (ordered["time"].diff() > gap)).to_numpy(dtype=bool)


def _pm25_over_pm10(observations: pd.DataFrame) -> np.ndarray:
    dust = observations[observations["pollutant"].isin(["pm25", "pm10"])]
    wide = dust.pivot(index=["station_id", "time"], columns="pollutant", values="value").reindex(
        columns=["pm25", "pm10"]
    )
    over = wide[wide["pm25"] > wide["pm10"] * _PM_TIMES + _PM_MARGIN].index
    hours = pd.MultiIndex.from_frame(observations[["station_id", "time"]])
    return np.asarray(observations["pollutant"].isin(["pm25", "pm10"]).to_numpy() & hours.isin(over))


def _unlike_neighbours(observations: pd.DataFrame, stations: gpd.GeoDataFrame) -> np.ndarray:
    known = stations.drop_duplicates("id").to_crs(4326).set_index("id")
    found = np.zeros(len(observations), dtype=bool)
    for pollutant, least in _UNLIKE.items():
        chosen = ((observations["pollutant"] == pollutant) & observations["station_id"].isin(known.index)).to_numpy()
        part = observations[chosen]
        if part.empty:
            continue
        wide = (
            part.pivot(index="time", columns="station_id", values="value").where(lambda values: values >= 0).asfreq("h")
        )
        flagged = _unlike(wide, known.geometry.loc[wide.columns], least)
        rows, columns = (
            wide.index.get_indexer(pd.Index(part["time"])),
            wide.columns.get_indexer(pd.Index(part["station_id"])),
        )
        found[chosen] = flagged[rows, columns]
    return found


def _unlike(wide: pd.DataFrame, places: gpd.GeoSeries, least: float) -> np.ndarray:
    """Return for each hour and station whether it lies in 24 hours that are unlike its neighbours."""
    apart = distance_matrix_m(places.x.to_numpy(), places.y.to_numpy(), places.x.to_numpy(), places.y.to_numpy())
    np.fill_diagonal(apart, np.inf)
    values = wide.to_numpy()
    result = np.zeros(values.shape, dtype=bool)
    for at in range(values.shape[1]):
        near = np.argsort(apart[at], kind="stable")[:_NEAREST]
        near = near[apart[at][near] <= _NEAR_M]
        if len(near) < _FEWEST:
            continue
        around = pd.DataFrame(values[:, near])
        median = around.median(axis=1).where(around.notna().sum(axis=1) >= _FEWEST).to_numpy()
        own = values[:, at]
        above = (own - median > least) & (own > _UNLIKE_TIMES * median)
        below = (median - own > least) & (own * _UNLIKE_TIMES < median)
        result[:, at] = _lasting(above) | _lasting(below)
    return result


def _lasting(unlike: np.ndarray) -> np.ndarray:
    """Keep hours that are unlike within any 24 hours of which 80 % are."""
    if len(unlike) < _WINDOW_H:
        return np.zeros(len(unlike), dtype=bool)
    total = np.convolve(unlike, np.ones(_WINDOW_H), mode="valid")
    inside = np.convolve(total >= _WINDOW_SHARE * _WINDOW_H, np.ones(_WINDOW_H), mode="full") > 0.5
    return np.asarray(unlike & inside)
