"""Where an incident's place, release and air come from: typed in, from a ledger, a table, the stations."""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from api.processes.context import Context
from api.processes.incident_inputs import IncidentInputs
from geo.errors import InvalidInput, MissingData
from geo.geodesic import distance_m
from layers.substances import Substance, gas_density, mg_m3_from_ppm
from layers.tables import read_table
from layers.times import parse_times
from tracing.dense_plume import DensePlume, Vapour, dense_number
from tracing.drift import DriftingPuffs
from tracing.plume import PlumeOptions
from tracing.plume_rise import BUOYANCY_PER_MW, buoyancy_flux
from tracing.release import CALM_M_S, Air, Release
from tracing.stability import most_stable_class, pasquill_class
from tracing.zone_ensemble import Model, Spread

Array = NDArray[np.float64]

AIR_MOLAR_MASS = 28.9647
_WIND_COLUMNS = ("time", "wind_speed", "wind_from")
_SPEED = {"windspeed", "ws", "风速"}
_FROM = {"windfrom", "winddirection", "winddir", "wd", "风向", "风向角"}
# Winds of the last hours say how steady it is; farther than this a station says little about the place.
_LAST_HOURS, _FAR_KM, _STATIONS = 3, 50.0, 3
DIRECTION_SD, _SPEED_SD = 15.0, 20.0


@dataclass(frozen=True)
class Wind:
    """A wind (m/s, degrees from where), how unsure it is (degrees, %), and where it comes from."""

    speed: float
    from_deg: float
    direction_sd: float = DIRECTION_SD
    speed_sd: float = _SPEED_SD
    notes: tuple[str, ...] = ()


def place(inputs: IncidentInputs, context: Context) -> tuple[float, float]:
    """Return longitude and latitude of the source, from the numbers or a ledger's object.

    Raises
    ------
    InvalidInput
        Neither or both are given, or there is no such object.
    """
    if inputs.object is None:
        for name in ("lon", "lat"):
            if getattr(inputs, name) is None:
                raise InvalidInput(f"--{name} is missing: give the source's lat and lon, or --object LAYER:ID")
        return float(inputs.lon or 0.0), float(inputs.lat or 0.0)
    if inputs.lat is not None or inputs.lon is not None:
        raise InvalidInput("two places: give either lat and lon, or object")
    layer, _, wanted = inputs.object.partition(":")
    if not wanted:
        raise InvalidInput(f"object {inputs.object!r}: write LAYER:ID, for example boilers:YLGL001")
    frame = context.vector(layer)
    keys = [name for name in ("id", "name", "station_id", "plant", "zone_id") if name in frame]
    found = next((rows for key in keys if len(rows := frame[frame[key].astype("str") == wanted])), None)
    if found is None or found.geometry.iloc[0] is None:
        raise InvalidInput(f"object {inputs.object!r}: {layer} has none with this {' or '.join(keys) or 'id'}")
    if len(found) > 1:
        raise InvalidInput(f"object {inputs.object!r}: {len(found)} objects have this name; use the id, or lat and lon")
    point = found.geometry.iloc[0]
    point = point if point.geom_type == "Point" else point.representative_point()
    return float(point.x), float(point.y)


def release_of(inputs: IncidentInputs, lon: float, lat: float) -> Release:
    """Return what escapes, checked."""
    return Release(
        lon,
        lat,
        inputs.rate_g_s,
        inputs.height,
        mass_g=None if inputs.mass_kg is None else inputs.mass_kg * 1000.0,
        duration_s=None if inputs.release_min is None else inputs.release_min * 60.0,
    )


def wind_of(inputs: IncidentInputs, context: Context, release: Release) -> Wind:
    """Return the wind typed in, or the one of the nearest stations in the workspace.

    Raises
    ------
    InvalidInput, MissingData
        Half a wind; no wind, and no station that measures it.
    """
    if (inputs.wind_speed is None) != (inputs.wind_from is None):
        raise InvalidInput("wind_speed and wind_from belong together: give both, or neither to take the stations'")
    if inputs.wind_speed is not None and inputs.wind_from is not None:
        return Wind(inputs.wind_speed, inputs.wind_from)
    return _stations_wind(inputs, context, release)


def _stations_wind(inputs: IncidentInputs, context: Context, release: Release) -> Wind:
    hint = "type --wind-speed and --wind-from, or give --winds or --met"
    if not context.has_layer("stations") or context.workspace.observations.time_range() is None:
        raise InvalidInput(f"no wind: {hint}; the workspace holds no stations with observations")
    last = context.workspace.observations.time_range()
    end = pd.Timestamp(inputs.time) if inputs.time else last[1] if last else pd.Timestamp.now(tz="UTC")
    table = context.workspace.observations.read(start=end - pd.Timedelta(hours=24), end=end + pd.Timedelta(minutes=1))
    winds = _hourly_winds(table)
    if winds.empty:
        raise MissingData(f"no station measured the wind in the 24 h before {end:%Y-%m-%dT%H:%MZ}: {hint}")
    near = _nearest(winds, context.vector("stations"), release)
    if near.empty:
        raise MissingData(f"no station with a wind within {_FAR_KM:g} km: {hint}")
    newest = near["time"].max()
    last_hours = near[near["time"] > newest - pd.Timedelta(hours=_LAST_HOURS)]
    now = last_hours[last_hours["time"] == newest]
    u, v = (float((now[name] / now["km"].clip(lower=1.0)).sum()) for name in ("u", "v"))
    weight = float((1.0 / now["km"].clip(lower=1.0)).sum())
    speed, toward = float(np.hypot(u, v)) / weight, np.degrees(np.arctan2(u, v))
    names = ", ".join(f"{row.station_id} ({row.km:.1f} km)" for row in now.itertuples())
    note = (
        f"风取自最近站点 {names}，{newest:%Y-%m-%d %H:%M} UTC / "
        f"the wind is that of the nearest stations {names}, {newest:%Y-%m-%d %H:%M} UTC"
    )
    age = (end - newest) / pd.Timedelta(hours=1)
    notes = (note,) if age <= 2 else (note, f"测风已过去 {age:.0f} 小时 / that wind is {age:.0f} h old")
    return Wind(speed, float((toward + 180.0) % 360.0), *_spread_of(last_hours), notes)


def _hourly_winds(table: pd.DataFrame) -> pd.DataFrame:
    """Return station_id, time, u, v (m/s, where it blows to) of the hours with speed and direction."""
    speeds = table[table["pollutant"].isin(_SPEED)][["station_id", "time", "value"]]
    froms = table[table["pollutant"].isin(_FROM)][["station_id", "time", "value"]]
    both = speeds.merge(froms, on=["station_id", "time"], suffixes=("_speed", "_from")).dropna()
    toward = np.radians(both["value_from"] + 180.0)
    return both.assign(u=both["value_speed"] * np.sin(toward), v=both["value_speed"] * np.cos(toward))


def _nearest(winds: pd.DataFrame, stations: gpd.GeoDataFrame, release: Release) -> pd.DataFrame:
    here = stations[stations["id"].isin(winds["station_id"].unique())]
    count, places = len(here), gpd.GeoSeries(here.geometry)
    far = distance_m(np.full(count, release.lon), np.full(count, release.lat), places.x, places.y)
    ranked = pd.DataFrame({"station_id": list(here["id"]), "km": far / 1000.0}).sort_values("km")
    return winds.merge(ranked[ranked["km"] <= _FAR_KM].head(_STATIONS), on="station_id")


def _spread_of(winds: pd.DataFrame) -> tuple[float, float]:
    """Return the direction's standard deviation (degrees, Yamartino 1984) and that of the speed (%), not below 5."""
    speed = np.asarray(np.hypot(winds["u"], winds["v"]))
    if len(winds) < 3 or speed.mean() == 0.0:
        return DIRECTION_SD, _SPEED_SD
    sin, cos = (float(np.mean(winds[name] / np.maximum(speed, 1e-9))) for name in ("u", "v"))
    rest = np.sqrt(max(1.0 - sin**2 - cos**2, 0.0))
    direction = np.degrees(np.arcsin(rest) * (1.0 + (2.0 / np.sqrt(3.0) - 1.0) * rest**3))
    return max(float(direction), 5.0), max(100.0 * float(speed.std() / speed.mean()), 5.0)


def air_of(inputs: IncidentInputs, wind: Wind) -> tuple[Air, list[str]]:
    """Return the air, its class found where none is given, and what was assumed."""
    stability, notes = inputs.stability, []
    if inputs.sun or inputs.night:
        if stability or inputs.obukhov is not None:
            raise InvalidInput("--sun and --night find the class: leave --stability and --obukhov out")
        stability = pasquill_class(wind.speed, sun=inputs.sun, night=inputs.night)
    elif stability is None and inputs.obukhov is None and inputs.ustar is None:
        stability = most_stable_class(wind.speed)
        notes.append(
            f"未给稳定度，按该风速下最稳定的 {stability} 类 / no stability was given: taken as {stability}, the most "
            "stable class at this wind; give --stability, or --sun or --night"
        )
    if inputs.obukhov is not None and "wind_height" not in inputs.model_fields_set:
        notes.append(
            "未给测风高度，按 10 m；近地面浓度对它敏感 / the height of the wind was not given: taken as 10 m; near the "
            "ground the answer depends on it, give --wind-height"
        )
    air = Air(
        wind.speed,
        wind.from_deg,
        inputs.wind_height,
        stability,
        obukhov_m=inputs.obukhov,
        ustar_m_s=inputs.ustar,
        sigma_azimuth_deg=inputs.sigma_azimuth,
        mixing_height_m=inputs.mixing_height,
    )
    return air, notes


def options_of(inputs: IncidentInputs) -> PlumeOptions:
    """Return how to compute, the buoyancy of a hot release among it."""
    return PlumeOptions(
        terrain=inputs.terrain,
        averaging_min=inputs.averaging_min,
        half_life_min=inputs.half_life_min,
        buoyancy=_buoyancy(inputs),
        air_c=inputs.temperature_c,
    )


def _buoyancy(inputs: IncidentInputs) -> float:
    jet = (inputs.exit_velocity, inputs.exit_diameter)
    if inputs.heat_mw is not None:
        if any(part is not None for part in jet):
            raise InvalidInput("the heat is given twice: give either heat_mw, or exit_velocity and exit_diameter")
        if not 0.0 <= inputs.heat_mw < 1e4:
            raise InvalidInput(f"heat_mw {inputs.heat_mw:g}: give 0 to 10000 MW")
        return BUOYANCY_PER_MW * inputs.heat_mw
    if all(part is None for part in jet):
        return 0.0
    velocity, diameter = jet
    if velocity is None or diameter is None or inputs.exit_temperature_c is None:
        raise InvalidInput("the rise of a jet needs exit_velocity, exit_diameter, exit_temperature_c: give all three")
    if not (0.0 < velocity <= 200.0 and 0.0 < diameter <= 50.0):
        raise InvalidInput(f"exit_velocity {velocity:g} m/s, exit_diameter {diameter:g} m: give up to 200 m/s and 50 m")
    return buoyancy_flux(velocity, diameter, inputs.exit_temperature_c, inputs.temperature_c)


def vapour_of(inputs: IncidentInputs, substance: Substance) -> Vapour:
    """Return what leaves the source: pure gas as warm as the air, unless its temperature or density is given."""
    gas = {"temperature_c": inputs.temperature_c, "pressure_hpa": inputs.pressure_hpa}
    pure = gas_density(substance.molar_mass, **gas)
    leaves = inputs.temperature_c if inputs.exit_temperature_c is None else inputs.exit_temperature_c
    if leaves <= -273.0:
        raise InvalidInput(f"exit_temperature_c {leaves:g}: give a temperature above absolute zero")
    density = pure * (inputs.temperature_c + 273.15) / (leaves + 273.15) if inputs.density is None else inputs.density
    return Vapour(
        density,
        leaves,
        gas_density(AIR_MOLAR_MASS, **gas),
        inputs.temperature_c,
        mg_m3_from_ppm(1e6, substance.molar_mass, **gas),
    )


def spread_of(inputs: IncidentInputs, wind: Wind) -> Spread:
    """Return how unsure wind, class and release are."""
    low, high = 1.0, 1.0
    if inputs.rate_range:
        given = inputs.rate_g_s if inputs.rate_g_s is not None else inputs.mass_kg or 1.0
        if len(inputs.rate_range) != 2:
            raise InvalidInput("rate_range: give two numbers, the lowest and the highest")
        low, high = (value / given for value in inputs.rate_range)
    direction = wind.direction_sd if inputs.wind_from_sd is None else inputs.wind_from_sd
    speed = wind.speed_sd if inputs.wind_speed_sd is None else inputs.wind_speed_sd
    return Spread(direction, speed / 100.0, rate_low=low, rate_high=high)


def wind_table(inputs: IncidentInputs, context: Context) -> tuple[Array, Array, Array, pd.Timestamp]:
    """Return seconds after the release began, wind east and north (m/s), and when it began, from a table.

    Raises
    ------
    InvalidInput
        No such columns, a value that cannot be, fewer than one row.
    """
    name, table = _wind_rows(inputs, context)
    missing = [column for column in _WIND_COLUMNS if column not in table.columns]
    if missing:
        need = "a table of winds has time, wind_speed, wind_from"
        raise InvalidInput(f"{name}: no column {', '.join(missing)}; {need}")
    if not len(table):
        raise InvalidInput(f"{name}: no wind; give a row for each")
    times, _ = parse_times(table["time"])
    columns = (pd.to_numeric(table[name], errors="coerce") for name in ("wind_speed", "wind_from"))
    speed, wind_from = (column.to_numpy(float) for column in columns)
    wrong = np.flatnonzero(times.isna() | ~((speed >= 0) & (speed <= 60)) | ~((wind_from >= 0) & (wind_from <= 360)))
    if wrong.size:
        raise InvalidInput(
            f"{name} line {table.index[wrong[0]]}: give an ISO time, 0 to 60 m/s and a direction of 0 to 360"
        )
    order = np.argsort(times.to_numpy(), kind="stable")
    begin = pd.Timestamp(inputs.time if inputs.time else times.min())
    if not times.min() <= begin <= times.max():
        covered = f"{times.min():%Y-%m-%dT%H:%MZ} to {times.max():%Y-%m-%dT%H:%MZ}"
        raise MissingData(f"{name} covers {covered}, not {begin:%Y-%m-%dT%H:%MZ}: give --time, or another table")
    toward = np.radians(wind_from + 180.0)
    seconds = np.asarray((times - begin).dt.total_seconds(), dtype=np.float64)[order]
    return seconds, (speed * np.sin(toward))[order], (speed * np.cos(toward))[order], begin


def _wind_rows(inputs: IncidentInputs, context: Context) -> tuple[str, pd.DataFrame]:
    """Return the winds as a table, from the file or the rows typed in, and what to call it."""
    if inputs.winds is not None:
        path = context.file(inputs.winds)
        return path.name, read_table(path)
    rows = [[part.strip() for part in text.replace("，", ",").split(",")] for text in inputs.wind_rows]
    for text, row in zip(inputs.wind_rows, rows, strict=True):
        if len(row) != len(_WIND_COLUMNS):
            raise InvalidInput(f"wind_rows {text!r}: write TIME,SPEED,FROM, for example 2021-10-20T06:00Z,3,45")
    return "wind_rows", pd.DataFrame(rows, columns=list(_WIND_COLUMNS), index=range(1, len(rows) + 1), dtype="str")


def outside_the_city(release: Release, context: Context) -> list[str]:
    """Return what to say of a source that lies in no district of the workspace."""
    if not context.has_layer("districts"):
        return []
    if context.vector("districts").geometry.intersects(shapely.Point(release.lon, release.lat)).any():
        return []
    return [
        "源点在本市区县之外或海上，平坦均匀地面的假设可能不成立 / "
        "the source lies outside the city's districts or at sea: flat, uniform ground may not hold"
    ]


def dense_notes(substance: Substance, vapour: Vapour, model: Model | DriftingPuffs, wind: float) -> list[str]:
    """Return what to say of a release that may behave as a dense gas; nothing of one that does not."""
    ratio = vapour.density / vapour.air_density
    # Below the wind for which it is made the number only grows.
    number, limit = dense_number(model.release, vapour, max(wind, CALM_M_S))
    if number > limit:
        zh = f"重气：相对密度 {ratio:.2f}，Britter-McQuaid 数 {number:.2f} > {limit:g}"
        en = f"dense gas: {ratio:.2f} times as heavy as air, Britter-McQuaid number {number:.2f} > {limit:g}"
        if isinstance(model, DensePlume):
            return [
                f"{zh}，范围取 Britter-McQuaid 关系式与高斯结果之大者；近源处高斯浓度偏不安全 / "
                f"{en}: the zone is the larger "
                "of Britter and McQuaid's correlation and the Gaussian answer, "
                "which is not conservative near the source"
            ]
        return [
            f"{zh}，小风或变风时该关系式不适用，近源处结果偏不安全 / {en}: the correlation does not hold in calm or "
            "changing winds; near the source the gas spreads low, wide and upwind, and the answer is not conservative"
        ]
    if substance.liquefied and ratio < 1.0:
        return [
            "液化泄漏的冷气溶胶可重于空气，近源处结果偏不安全，已知密度可用 --density / "
            "released from a liquefied store, its cold aerosol may be heavier than air: "
            "near the source the answer is not conservative; give --density where it is known"
        ]
    return []
