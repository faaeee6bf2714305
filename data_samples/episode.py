"""The practice episode's observations: a background that follows the weather, two planted plumes, noise and faults."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.random import Generator
from numpy.typing import NDArray

from data_samples import plume
from data_samples.boundary_layer import growth
from data_samples.ledgers import COASTAL_PARK
from data_samples.plume import Source

Array = NDArray[np.float64]
Row = dict[str, Any]

START, END = "2021-10-18 00:00", "2021-10-23 00:00"
ZONE = "Asia/Shanghai"
POLLUTANTS = ("pm25", "pm10", "so2", "no2", "co", "o3")
UNITS = {name: "mg/m3" if name == "co" else "ug/m3" for name in POLLUTANTS}
MICRO_POLLUTANTS = ("pm25", "pm10", "so2", "co")
DECIMALS = {name: 2 if name == "co" else 0 for name in POLLUTANTS}
# A station sees a plume when it adds at least this much PM2.5 to an hour (ug/m3).
SEEN_UG_M3 = 10.0

STRAW_PLACES = tuple((round(118.78 + 0.03 * i, 3), round(34.595 + 0.022 * j, 3)) for i in range(4) for j in range(3))
SOURCES = (
    Source(
        "industrial_night_release",
        (COASTAL_PARK,),
        (("2021-10-18 21:00", 0.6), ("2021-10-18 22:00", 1.0), ("2021-10-19 03:00", 0.4), ("2021-10-19 04:00", 0.0)),
        {"pm25": 500.0, "pm10": 620.0, "so2": 800.0, "no2": 70.0},
        250.0,
    ),
    Source(
        "straw_burning_cluster",
        STRAW_PLACES,
        (
            *(("2021-10-20 12:30", 0.4), ("2021-10-20 16:00", 0.8), ("2021-10-20 18:00", 1.0)),
            *(("2021-10-20 22:00", 0.4), ("2021-10-20 23:30", 0.0)),
        ),
        {"pm25": 950.0, "pm10": 1090.0, "co": 6200.0, "no2": 70.0, "so2": 25.0},
        500.0,
    ),
)
TITLES = {
    "industrial_night_release": ("沿海化工园夜间排放", "night release in the coastal chemical park"),
    "straw_burning_cluster": ("东海县秸秆焚烧群", "cluster of straw fires in Donghai County"),
}

# PM2.5 of the region (ug/m3) at city's times: it piles up in the stagnant air and is swept away by the front.
REGIONAL_PM25 = (
    *(("2021-10-18 00:00", 44), ("2021-10-18 14:00", 40), ("2021-10-19 00:00", 56), ("2021-10-19 12:00", 76)),
    *(("2021-10-20 00:00", 84), ("2021-10-20 12:00", 88), ("2021-10-21 00:00", 94), ("2021-10-21 10:00", 90)),
    *(("2021-10-21 15:00", 62), ("2021-10-21 20:00", 38), ("2021-10-22 06:00", 30), ("2021-10-22 18:00", 32)),
    ("2021-10-23 00:00", 36),
)
# Gaps: station, pollutant, first hour (city's time), hours, flag.
GAPS = (
    ("1175A", "o3", "2021-10-19 09:00", 3, "calibration"),
    ("3664A", "pm10", "2021-10-20 03:00", 7, "missing"),
    ("3007A", "so2", "2021-10-22 10:00", 2, "calibration"),
    ("YLWZ17", "pm25", "2021-10-19 20:00", 12, "missing"),
    ("YLWZ41", "pm10", "2021-10-18 06:00", 30, "missing"),
)
STUCK = ("YLWZ57", "pm25", "2021-10-20 02:00", 34)
LOST_SHARE = 0.004


@dataclass(frozen=True)
class Network:
    """The stations that report: ids, places and which are micro stations."""

    ids: tuple[str, ...]
    lon: Array
    lat: Array
    micro: NDArray[np.bool_]


def hours() -> pd.DatetimeIndex:
    """Return the start of each hour of the episode (UTC)."""
    return pd.date_range(START, END, freq="h", inclusive="left", tz=ZONE).tz_convert("UTC")


def planted(met: xr.Dataset, network: Network) -> dict[str, Array]:
    """Return what each source adds to the hourly means, shape (hour, station, pollutant), ug/m3 (CO: mg/m3)."""
    added: dict[str, Array] = {}
    for source in SOURCES:
        part = plume.contributions(source, met, (network.lon, network.lat), hours())
        full = np.zeros((*part.shape[:2], len(POLLUTANTS)))
        for k, name in enumerate(source.full_rate_g_s):
            full[:, :, POLLUTANTS.index(name)] = part[:, :, k] / (1000.0 if name == "co" else 1.0)
        added[source.id] = full.round(4)
    return added


def background(network: Network, rng: Generator) -> Array:
    """Return the hourly background with its noise, without the plumes, shape (hour, station, pollutant)."""
    local = hours().tz_convert(ZONE)
    clock = local.hour.to_numpy() + 0.5
    lift = np.array([growth(hour) for hour in clock])
    traffic = np.exp(-(((clock - 8) / 1.6) ** 2)) + np.exp(-(((clock - 19) / 2.0) ** 2))
    wander = _wander(rng, (local.size, len(network.ids)), 0.85) * np.where(network.micro, 0.07, 0.05)
    base = _nodes(REGIONAL_PM25, local)
    bias = 1 + np.where(network.micro, 0.06, 0.03) * rng.standard_normal(len(network.ids))
    stagnant = np.clip((base - 30) / 70, 0, 1)
    pm25 = (base * (1.08 - 0.16 * lift))[:, None] * bias * (1 + wander)
    since_front = ((local - pd.Timestamp("2021-10-21 16:00", tz=ZONE)) / pd.Timedelta(hours=3)).to_numpy()
    dust = 45.0 * np.exp(-(since_front**2))
    pm10 = pm25 * 1.32 + (9 + 10 * lift + dust)[:, None] * (1 + 0.1 * _wander(rng, pm25.shape, 0.8))
    so2 = (7 + 4 * lift + 4 * stagnant)[:, None] * (1 + 0.12 * _wander(rng, pm25.shape, 0.7))
    no2 = (14 + 16 * stagnant * (1 - 0.6 * lift) + 15 * traffic)[:, None] * (1 + 0.1 * _wander(rng, pm25.shape, 0.7))
    co = (0.32 + 0.006 * base)[:, None] * (1 + 0.6 * wander)
    sun = np.roll(lift, 1)
    o3 = (
        (28 + (78 + 30 * stagnant) * sun)[:, None]
        - 0.35 * no2 * (1 - sun)[:, None]
        + 4 * rng.standard_normal(pm25.shape)
    )
    return np.stack([pm25, np.maximum(pm10, 1.05 * pm25), so2, no2, co, np.maximum(o3, 3.0)], axis=-1)


def _wander(rng: Generator, shape: tuple[int, int], memory: float) -> Array:
    """Return noise of unit variance that remembers the hour before, shape (hour, station)."""
    steps = rng.standard_normal(shape)
    out = np.empty(shape)
    out[0] = steps[0]
    for k in range(1, shape[0]):
        out[k] = memory * out[k - 1] + np.sqrt(1 - memory**2) * steps[k]
    return out


def _nodes(nodes: tuple[tuple[str, float], ...], local: pd.DatetimeIndex) -> Array:
    at = pd.DatetimeIndex([row[0] for row in nodes]).tz_localize(ZONE)
    seconds = (at - at[0]).total_seconds().to_numpy()
    return np.interp((local - at[0]).total_seconds().to_numpy(), seconds, [row[1] for row in nodes])


def observations(network: Network, values: Array, rng: Generator) -> list[Row]:
    """Return the long table: station by station, hour by hour, with gaps and one stuck instrument."""
    times = [f"{time:%Y-%m-%dT%H:%M}+08:00" for time in hours().tz_convert(ZONE)]
    lost = rng.random(values.shape) < LOST_SHARE
    flags = _faults(network, values)
    rows: list[Row] = []
    for j, station in enumerate(network.ids):
        kept = MICRO_POLLUTANTS if network.micro[j] else POLLUTANTS
        for i, time in enumerate(times):
            for name in kept:
                k = POLLUTANTS.index(name)
                flag = flags.get((station, name, i), "missing" if lost[i, j, k] else "")
                value = None if flag else _number(values[i, j, k], DECIMALS[name])
                row = {"time": time, "station_id": station, "pollutant": name, "value": value}
                rows.append({**row, "unit": UNITS[name], "flag": flag, "synthetic": True})
    return rows


def _faults(network: Network, values: Array) -> Mapping[tuple[str, str, int], str]:
    """Freeze the stuck instrument in ``values``; return the flags of the planned gaps."""
    station, name, start, count = STUCK
    first, j, k = _hour(start), network.ids.index(station), POLLUTANTS.index(name)
    values[first : first + count, j, k] = values[first, j, k]
    flags: dict[tuple[str, str, int], str] = {}
    for station, name, start, count, flag in GAPS:
        flags |= {(station, name, _hour(start) + n): flag for n in range(count)}
    return flags


def _hour(text: str) -> int:
    """Return the number of an hour of the episode, named in the city's time."""
    return int(hours().searchsorted(pd.Timestamp(text, tz=ZONE).tz_convert("UTC")))


def _number(value: float, decimals: int) -> float | int:
    return round(float(value), decimals) if decimals else int(round(float(value)))


def truth(network: Network, added: Mapping[str, Array], without: Array) -> list[Row]:
    """Return the planted truth: each source's place, times and rates, and which stations it reached when."""
    return [
        {
            **_describe(source),
            "reached": sorted(
                (_reached(network, added[source.id], without, j) for j in _stations_reached(added[source.id])),
                key=lambda row: (-row["peak"]["pm25_added"], row["station_id"]),
            ),
        }
        for source in SOURCES
    ]


def _describe(source: Source) -> Row:
    local = source.nodes.tz_convert(ZONE)
    lon, lat = (round(float(np.mean(values)), 5) for values in zip(*source.places, strict=True))
    history = [
        {
            "from": first.isoformat(),
            "to": last.isoformat(),
            **{f"{p}_g_s": round(r * share, 2) for p, r in _rates(source)},
        }
        for first, last, (_, share) in zip(local[:-1], local[1:], source.rates[:-1], strict=True)
    ]
    title_zh, title_en = TITLES[source.id]
    return {
        **{"id": source.id, "title_zh": title_zh, "title_en": title_en, "synthetic": True},
        **{"lon": lon, "lat": lat, "places": [list(place) for place in source.places]},
        **{"start": local[0].isoformat(), "end": local[-1].isoformat(), "emission_history": history},
    }


def _rates(source: Source) -> list[tuple[str, float]]:
    return list(source.full_rate_g_s.items())


def _stations_reached(added: Array) -> list[int]:
    return [int(j) for j in np.flatnonzero(added[:, :, 0].max(axis=0) >= SEEN_UG_M3)]


def _reached(network: Network, added: Array, without: Array, j: int) -> Row:
    local = hours().tz_convert(ZONE)
    seen = np.flatnonzero(added[:, j, 0] >= SEEN_UG_M3)
    peak = int(added[:, j, 0].argmax())
    amounts = {f"{name}_added": round(float(added[peak, j, k]), 2) for k, name in enumerate(POLLUTANTS[:5])}
    base = {f"{name}_background": round(float(without[peak, j, k]), 2) for k, name in enumerate(POLLUTANTS[:5])}
    hours_seen = {
        "first_hour": local[seen[0]].isoformat(),
        "last_hour": local[seen[-1]].isoformat(),
        "hours": len(seen),
    }
    place = {"station_id": network.ids[j], "lon": float(network.lon[j]), "lat": float(network.lat[j])}
    return {**place, **hours_seen, "peak": {"hour": local[peak].isoformat(), **amounts, **base}}
