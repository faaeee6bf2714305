"""What was measured in an incident: typed in or from a table, and what the zone learns from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from api.processes.context import Context
from api.processes.incident_inputs import IncidentInputs
from api.processes.incident_zones import frame_of, levels_of, threshold_of
from geo.errors import InvalidInput
from geo.geodesic import GEOD
from layers.substances import Substance, mg_m3_from_ppm
from layers.tables import read_table
from layers.times import parse_times
from tracing.drift import DriftingPuffs
from tracing.plume import downwind_from_east_north
from tracing.release import Release
from tracing.zone_ensemble import Model
from tracing.zone_update import Measured, Updated, expected_of

Array = NDArray[np.float64]

# With measurements the release may be off by so much either way, unless its range is given.
UNKNOWN_RELEASE = 10.0
_ALIASES = {
    "lon": ("lon", "longitude", "lng", "经度"),
    "lat": ("lat", "latitude", "纬度"),
    "x_m": ("x_m",),
    "y_m": ("y_m",),
    "value": ("concentration_mg_m3", "value_mg_m3", "value", "concentration", "浓度", "监测值", "实测浓度"),
    "unit": ("unit", "单位"),
    "z_m": ("z_m", "height_m", "离地高度", "高度"),
    "time": ("time", "datetime", "时间", "监测时间"),
}
_PER_MG = {"mg/m3": 1.0, "mg/m³": 1.0, "ug/m3": 1e-3, "μg/m3": 1e-3, "µg/m3": 1e-3, "ug/m³": 1e-3, "µg/m³": 1e-3}
_PER_PPM = {"ppm": 1.0, "ppb": 1e-3}


# Longitude, latitude, mg/m3, height (m) and time.
Row = tuple[float, float, float, float, "pd.Timestamp | None"]


@dataclass(frozen=True)
class Readings:
    """Readings at places in degrees, and the same in metres from the source, shape (n,)."""

    lon: Array
    lat: Array
    measured: Measured
    times: pd.DatetimeIndex

    def texts(self) -> tuple[str, ...]:
        """Return them as they may be typed in."""
        rows = zip(self.lon, self.lat, self.measured.value, self.measured.up, self.times, strict=True)
        return tuple(
            f"{lon:.9g},{lat:.9g},{value:.6g},{up:g}" + ("" if pd.isna(time) else f",{time:%Y-%m-%dT%H:%M:%SZ}")
            for lon, lat, value, up, time in rows
        )


def readings_of(inputs: IncidentInputs, context: Context, *, substance: Substance, release: Release) -> Readings | None:
    """Return what was measured, typed in and from a table; None where nothing was.

    Raises
    ------
    InvalidInput
        A reading has no place or no number, or a unit that is not known.
    """
    rows = [_typed(text, inputs.receptor_height) for text in inputs.measured]
    if inputs.measurements is not None:
        rows += _from_table(context.file(inputs.measurements), inputs, substance=substance, release=release)
    if not rows:
        return None
    lon, lat, value, up = np.array([row[:4] for row in rows], dtype=np.float64).T
    times = pd.DatetimeIndex(pd.to_datetime(pd.Series([row[4] for row in rows]), utc=True))
    azimuth, _, distance = GEOD.inv(np.full(len(lon), release.lon), np.full(len(lat), release.lat), lon, lat)
    far = np.asarray(distance)
    if (far > 50_000.0).any():
        first = int(np.flatnonzero(far > 50_000.0)[0])
        raise InvalidInput(
            f"measured at {lon[first]:g}, {lat[first]:g}: that is {far[first] / 1000.0:.0f} km from the source; "
            "give longitude before latitude, in degrees"
        )
    levels = [threshold_of(level, inputs, substance) for level in levels_of(inputs, substance)]
    # What lies below a hundredth of the lowest level counts as nothing.
    floor = 0.01 * min(levels) if levels else 1e-3
    angle = np.radians(np.asarray(azimuth))
    measured = Measured(
        far * np.sin(angle), far * np.cos(angle), up, value, float(np.log(inputs.measured_factor)), floor
    )
    return Readings(lon, lat, measured, times)


def since(readings: Readings, begin: pd.Timestamp) -> Measured:
    """Return the readings with the seconds since a release began; NaN where they have no time."""
    return replace(readings.measured, seconds=np.asarray((readings.times - begin).total_seconds(), dtype=np.float64))


def measurements_frame(readings: Readings | None, model: Model | DriftingPuffs, *, incident: str) -> gpd.GeoDataFrame:
    """Return the readings as a layer, beside what the model brings to their places."""
    if readings is None:
        return frame_of("incident_measurements", [], [])
    measured = readings.measured
    rows = [
        {"incident": incident, "value_mg_m3": value, "expected_mg_m3": float(f"{expected:.6g}"), "z_m": up}
        for value, expected, up in zip(measured.value, expected_at(model, measured), measured.up, strict=True)
    ]
    return frame_of("incident_measurements", rows, list(gpd.points_from_xy(readings.lon, readings.lat)))


def expected_at(model: Model | DriftingPuffs, measured: Measured) -> Array:
    """Return what a model brings to the places, mg/m3; 0 where it says nothing."""
    if isinstance(model, DriftingPuffs):
        return expected_of(model, measured)
    along, across = downwind_from_east_north(measured.east, measured.north, model.air.wind_from_deg)
    return np.nan_to_num(np.asarray(model.concentration(along, across, measured.up)))


def told(found: Updated, given: Release, *, count: int) -> list[str]:
    """Return what the measurements changed, and whether they can be explained at all."""
    unit, scale = ("g/s", 1.0) if given.rate_g_s is not None else ("kg", 1e-3)
    before = (given.rate_g_s if given.rate_g_s is not None else given.mass_g or 0.0) * scale
    low, high = (factor * before for factor in found.factors)
    air = found.air
    turned, speed = f"{air.wind_from_deg:.0f}° ± {found.wind_from_sd:.0f}°", f"{air.wind_speed_m_s:.2g} m/s"
    release, interval = f"{found.factor * before:.3g} {unit}", f"{low:.3g}–{high:.3g}"
    said = [
        f"按 {count} 个监测值订正：源强 {release}（90% 区间 {interval}，原 {before:.3g}），风向 {turned}，"
        f"风速 {speed} / from {count} measurements: release {release} (90 % {interval}, given {before:.3g}), "
        f"wind from {turned}, {speed}"
    ]
    if found.missed:
        said.append(
            "监测值与所给地点、风、源强范围不符：请核对，或放宽 --rate-range、--wind-from-sd / the measurements do not "
            "agree with the place, wind and release given: check them, or widen --rate-range or --wind-from-sd"
        )
    return said


def _typed(text: str, default_up: float) -> Row:
    parts = [part.strip() for part in text.replace("，", ",").split(",")]
    try:
        numbers = [float(part) for part in parts[:4] if part]
    except ValueError:
        numbers = []
    if not 3 <= len(parts) <= 5 or len(numbers) < 3 or not np.isfinite(numbers).all():
        raise InvalidInput(
            f"measured {text!r}: write LON,LAT,MG_M3 or LON,LAT,MG_M3,Z or LON,LAT,MG_M3,Z,TIME, for example "
            "119.21,34.59,12.5"
        )
    lon, lat, value = numbers[:3]
    up = numbers[3] if len(numbers) == 4 else default_up
    _check(f"measured {text!r}", lon, lat, value=value, up=up)
    return lon, lat, value, up, _time(parts[4], f"measured {text!r}") if len(parts) == 5 else None


def _time(value: object, where: str) -> pd.Timestamp | None:
    if value is None or (isinstance(value, str) and not value.strip()) or pd.isna(pd.Series([value])).iloc[0]:
        return None
    times, _ = parse_times(pd.Series([str(value)]))
    if pd.isna(times.iloc[0]):
        raise InvalidInput(f"{where}: time {value!r}: give an ISO time with its zone, as 2021-10-20T14:05+08:00")
    return pd.Timestamp(times.iloc[0])


def _check(where: str, lon: float, lat: float, *, value: float, up: float) -> None:
    if not (-180.0 <= lon <= 180.0 and -85.0 <= lat <= 85.0):
        raise InvalidInput(f"{where}: lon {lon:g}, lat {lat:g}: give longitude before latitude, in degrees")
    if not 0.0 <= value < 1e7:
        raise InvalidInput(f"{where}: a concentration of {value:g} mg/m3 cannot be; give 0 or more")
    if not 0.0 <= up <= 1_000.0:
        raise InvalidInput(f"{where}: height {up:g} m: give 0 to 1000 m above the ground")


def _from_table(path: Path, inputs: IncidentInputs, *, substance: Substance, release: Release) -> list[Row]:
    table = read_table(path)
    names = _columns(table)
    if "value" not in names or not ({"lon", "lat"} <= set(names) or {"x_m", "y_m"} <= set(names)):
        there = ", ".join(map(str, table.columns))
        raise InvalidInput(f"{path.name}: it needs lon and lat (or x_m and y_m) and value, and has {there}")
    rows = []
    for line, row in table.iterrows():
        where = f"{path.name} line {line}"
        value = _number(row[names["value"]], where, names["value"]) * _factor(
            row, names, where=where, inputs=inputs, substance=substance
        )
        up = inputs.receptor_height
        if "z_m" in names and pd.notna(row[names["z_m"]]):
            up = _number(row[names["z_m"]], where, names["z_m"])
        if "lon" in names and "lat" in names:
            lon, lat = (_number(row[names[key]], where, names[key]) for key in ("lon", "lat"))
        else:
            east, north = (_number(row[names[key]], where, names[key]) for key in ("x_m", "y_m"))
            lon, lat = _moved(release, east, north)
        _check(where, lon, lat, value=value, up=up)
        time = _time(row[names["time"]], where) if "time" in names else None
        rows.append((lon, lat, value, up, time))
    if not rows:
        raise InvalidInput(f"{path.name}: it holds no readings")
    return rows


def _columns(table: pd.DataFrame) -> Mapping[str, str]:
    plain = {str(name).strip().lower().split("(")[0].split("（")[0].strip(): str(name) for name in table.columns}
    found = {key: next((plain[name] for name in names if name in plain), None) for key, names in _ALIASES.items()}
    return {key: name for key, name in found.items() if name is not None}


def _number(value: object, where: str, column: str) -> float:
    number = float(pd.to_numeric(pd.Series([value]), errors="coerce").iloc[0])
    if not np.isfinite(number):
        raise InvalidInput(f"{where}: {column} {value!r}: give a number, or leave the row out")
    return number


def _factor(
    row: pd.Series, names: Mapping[str, str], *, where: str, inputs: IncidentInputs, substance: Substance
) -> float:
    """Return what makes a reading mg/m3; its unit stands in a column, else in the value's heading, else it is mg/m3."""
    unit = str(row[names["unit"]]).strip().lower() if "unit" in names else ""
    if not unit or unit == "nan":
        heading = names["value"].lower()
        units: Sequence[str] = [one for one in (*_PER_PPM, *_PER_MG) if one in heading]
        unit = units[0] if units else "mg/m3"
    if unit in _PER_PPM:
        gas = {"temperature_c": inputs.temperature_c, "pressure_hpa": inputs.pressure_hpa}
        return _PER_PPM[unit] * mg_m3_from_ppm(1.0, substance.molar_mass, **gas)
    if unit not in _PER_MG:
        raise InvalidInput(f"{where}: unit {unit!r}; use mg/m3, ug/m3, ppm or ppb")
    return _PER_MG[unit]


def _moved(release: Release, east: float, north: float) -> tuple[float, float]:
    lon, lat, _ = GEOD.fwd(
        release.lon, release.lat, float(np.degrees(np.arctan2(east, north))), float(np.hypot(east, north))
    )
    return float(lon), float(lat)
