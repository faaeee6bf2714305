"""The names that NetCDF and GRIB producers give to a field, and what the Dataset calls it."""

from dataclasses import dataclass
from typing import Any

GRAVITY = 9.80665


@dataclass(frozen=True)
class Known:
    """A field of the Dataset: CF standard name, unit there, and the names that files use (lower case)."""

    standard: str
    units: str
    names: tuple[str, ...]
    height_m: float | None = None

    def attrs(self) -> dict[str, Any]:
        """Return the CF attributes."""
        attrs: dict[str, Any] = {"standard_name": self.standard, "units": self.units, "height_m": self.height_m}
        return {key: value for key, value in attrs.items() if value not in ("", None)}


UPPER: dict[str, Known] = {
    "u": Known("eastward_wind", "m s-1", ("u", "ua", "uwnd", "ugrd", "eastward_wind", "u_component_of_wind", "var131")),
    "v": Known(
        "northward_wind", "m s-1", ("v", "va", "vwnd", "vgrd", "northward_wind", "v_component_of_wind", "var132")
    ),
    "omega": Known(
        "lagrangian_tendency_of_air_pressure",
        "Pa s-1",
        ("w", "omega", "wap", "vvel", "lagrangian_tendency_of_air_pressure", "vertical_velocity", "var135"),
    ),
    "w": Known("upward_air_velocity", "m s-1", ("wz", "dzdt", "upward_air_velocity")),
    "t": Known("air_temperature", "K", ("t", "ta", "temp", "tmp", "air", "temperature", "air_temperature", "var130")),
    "q": Known("specific_humidity", "kg kg-1", ("q", "hus", "shum", "spfh", "specific_humidity", "var133")),
    "rh": Known("relative_humidity", "%", ("r", "rh", "hur", "rhum", "relative_humidity", "var157")),
    "z": Known(
        "geopotential_height",
        "m",
        ("z", "gh", "zg", "hgt", "geopotential", "geopotential_height", "var129", "phi"),
    ),
}
SURFACE: dict[str, Known] = {
    "zs": Known(
        "surface_altitude",
        "m",
        ("zs", "z", "orog", "surface_altitude", "surface_geopotential", "geopotential_at_surface", "hgt", "var129"),
    ),
    "sp": Known("surface_air_pressure", "Pa", ("sp", "ps", "surface_air_pressure", "surface_pressure", "var134")),
    "lnsp": Known("", "1", ("lnsp", "logarithm_of_surface_pressure", "var152")),
    "prmsl": Known("air_pressure_at_mean_sea_level", "Pa", ("msl", "prmsl", "mean_sea_level_pressure", "var151")),
    "u10": Known("eastward_wind", "m s-1", ("u10", "10u", "uas", "10m_u_component_of_wind", "var165"), 10.0),
    "v10": Known("northward_wind", "m s-1", ("v10", "10v", "vas", "10m_v_component_of_wind", "var166"), 10.0),
    "t2m": Known("air_temperature", "K", ("t2m", "2t", "tas", "2m_temperature", "var167"), 2.0),
    "d2m": Known("dew_point_temperature", "K", ("d2m", "2d", "2m_dewpoint_temperature", "var168"), 2.0),
    "blh": Known(
        "atmosphere_boundary_layer_thickness", "m", ("blh", "pblh", "hpbl", "zmla", "boundary_layer_height", "var159")
    ),
    "z0": Known("surface_roughness_length", "m", ("fsr", "z0", "sfcr", "forecast_surface_roughness")),
    "tp": Known("lwe_thickness_of_precipitation_amount", "m", ("tp", "total_precipitation", "var228")),
    "prate": Known(
        "precipitation_flux", "kg m-2 s-1", ("prate", "mtpr", "avg_tprate", "tprate", "mean_total_precipitation_rate")
    ),
    "skt": Known("surface_temperature", "K", ("skt", "ts", "skin_temperature", "var235")),
}
# One time stands for all: the ground does not move.
STATIC = ("zs", "z0")

# (value_si = factor * value + offset), by the unit as files write it, spaces and stars gone.
_UNITS: dict[str, dict[str, tuple[float, float]]] = {
    "m": {"m2s-2": (1.0 / GRAVITY, 0.0), "m^2s^-2": (1.0 / GRAVITY, 0.0), "m2/s2": (1.0 / GRAVITY, 0.0)}
    | {name: (1.0, 0.0) for name in ("m", "gpm", "metre", "metres", "meters", "mofwaterequivalent")}
    | {"mm": (1e-3, 0.0), "kgm-2": (1e-3, 0.0), "km": (1e3, 0.0), "dam": (10.0, 0.0)},
    "Pa": {name: (1.0, 0.0) for name in ("pa", "pascal", "~")}
    | {name: (100.0, 0.0) for name in ("hpa", "millibars", "millibar", "mbar", "mb")},
    "Pa s-1": {name: (1.0, 0.0) for name in ("pas-1", "pa/s", "pas^-1")} | {"hpas-1": (100.0, 0.0)},
    "m s-1": {name: (1.0, 0.0) for name in ("ms-1", "m/s", "ms^-1")},
    "kg m-2 s-1": {name: (1.0, 0.0) for name in ("kgm-2s-1", "kg/m2/s", "kgm^-2s^-1", "mms-1", "mm/s")}
    | {"mmh-1": (1.0 / 3600.0, 0.0), "mm/h": (1.0 / 3600.0, 0.0), "ms-1": (1000.0, 0.0)},
    "K": {"k": (1.0, 0.0), "kelvin": (1.0, 0.0)}
    | {c: (1.0, 273.15) for c in ("degc", "c", "celsius", "degree_celsius")},
    "kg kg-1": {name: (1.0, 0.0) for name in ("kgkg-1", "1", "kg/kg")} | {"gkg-1": (1e-3, 0.0), "g/kg": (1e-3, 0.0)},
    "%": {"%": (1.0, 0.0), "percent": (1.0, 0.0)},
    "1": {name: (1.0, 0.0) for name in ("1", "~", "numeric", "dimensionless")},
}


def identify(name: str, attrs: dict[str, Any], *, on_levels: bool) -> str | None:
    """Return what the Dataset calls a file's variable, or None for one that is not used."""
    table = UPPER if on_levels else SURFACE
    candidates = (name.lower(), str(attrs.get("GRIB_cfVarName", "")).lower())
    for short, known in table.items():
        if any(candidate in known.names for candidate in candidates):
            return short
    if on_levels:
        standard = str(attrs.get("standard_name", ""))
        return next((s for s, known in table.items() if standard and standard in (known.standard, *known.names)), None)
    return None


def to_si(short: str, units: str, *, on_levels: bool) -> tuple[float, float] | None:
    """Return factor and offset to the Dataset's unit; None if the unit is not one of this field's."""
    target = (UPPER if on_levels else SURFACE)[short].units
    return _UNITS[target].get(plain_unit(units)) if units else (1.0, 0.0)


def plain_unit(units: str) -> str:
    """Return a unit without spaces, stars and capitals: ``m**2 s**-2`` is ``m2s-2``."""
    return units.replace("**", "").replace("*", "").replace(" ", "").lower()
