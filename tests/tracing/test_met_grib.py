"""GRIB: read where the extra is installed, a clear word where it is not, and no crash from the order of imports."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from geo.errors import InvalidInput, SourceUnavailable
from tracing.met import open_met

NX, NY, LEVELS = 5, 4, (1000, 850, 500)


def write_grib(path: Path, hours: tuple[int, ...]) -> None:
    """Write GFS-like GRIB2: u, v, t, gh on three levels, w on two of them, u10 and sp at the ground."""
    eccodes = pytest.importorskip("eccodes", reason="eccodes is not installed: extra grib")
    upper = [(name, "isobaricInhPa", level) for name in ("u", "v", "t", "gh") for level in LEVELS]
    upper += [("w", "isobaricInhPa", level) for level in LEVELS[1:]]
    ground = [("10u", "heightAboveGround", 10), ("10v", "heightAboveGround", 10), ("sp", "surface", 0)]
    with path.open("wb") as file:
        for hour in hours:
            for name, kind, level in [*upper, *ground, ("u", "heightAboveGround", 80)]:
                gid = eccodes.codes_grib_new_from_samples("regular_ll_pl_grib2")
                grid = {"Ni": NX, "Nj": NY, "longitudeOfFirstGridPointInDegrees": 110.0}
                grid |= {"longitudeOfLastGridPointInDegrees": 114.0, "latitudeOfFirstGridPointInDegrees": 36.0}
                grid |= {"latitudeOfLastGridPointInDegrees": 33.0, "iDirectionIncrementInDegrees": 1.0}
                grid |= {"jDirectionIncrementInDegrees": 1.0, "centre": "kwbc", "dataDate": 20240229, "dataTime": 1800}
                grid |= {"stepUnits": 1, "forecastTime": hour, "typeOfLevel": kind, "level": level, "shortName": name}
                for key, value in grid.items():
                    eccodes.codes_set(gid, key, value)
                eccodes.codes_set_values(gid, value_of(name, level, hour).ravel())
                eccodes.codes_write(gid, file)
                eccodes.codes_release(gid)


def value_of(name: str, level: int, hour: int) -> np.ndarray:
    """Return a field, north first, that tells name, level, hour, row and column apart."""
    base = {"u": 10.0, "v": -5.0, "t": 250.0, "gh": 9000.0, "w": 0.5, "10u": 3.0, "10v": 1.0, "sp": 101_000.0}[name]
    return base + level / 1000.0 + hour + 0.1 * np.arange(NX) + 0.01 * np.arange(NY)[:, None]


def test_fields_levels_and_forecast_hours(tmp_path):
    pytest.importorskip("cfgrib", reason="cfgrib is not installed: extra grib")
    write_grib(tmp_path / "a", (0, 3))
    write_grib(tmp_path / "b", (6, 9))
    met = open_met([tmp_path / "b", tmp_path / "a"])
    assert [str(t)[:13] for t in met.time.values] == [
        "2024-02-29T18",
        "2024-02-29T21",
        "2024-03-01T00",
        "2024-03-01T03",
    ]
    np.testing.assert_array_equal(met.level.values, [100_000.0, 85_000.0, 50_000.0])
    np.testing.assert_array_equal(met.forecast_h.values, [0, 3, 6, 9])
    for name, short in {"u": "u", "v": "v", "t": "t", "z": "gh"}.items():
        for k, level in enumerate(LEVELS):
            want = value_of(short, level, 6)[::-1]
            np.testing.assert_allclose(met[name].isel(time=2, level=k).values, want, rtol=1e-3, err_msg=name)
    assert np.isnan(met.omega.isel(time=1, level=0).values).all()
    np.testing.assert_allclose(met.omega.isel(time=1, level=2).values, value_of("w", 500, 3)[::-1], rtol=1e-3)
    np.testing.assert_allclose(met.u10.isel(time=0).values, value_of("10u", 10, 0)[::-1], rtol=1e-3)
    np.testing.assert_allclose(met.sp.isel(time=3).values, value_of("sp", 0, 9)[::-1], rtol=1e-5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_a_file_cut_short_is_named(tmp_path):
    pytest.importorskip("cfgrib", reason="cfgrib is not installed: extra grib")
    write_grib(tmp_path / "a", (0,))
    (tmp_path / "cut").write_bytes((tmp_path / "a").read_bytes()[:150])
    with pytest.raises(InvalidInput, match=r"cut: (damaged or cut short GRIB|no wind on pressure levels)"):
        open_met(tmp_path / "cut")


def test_without_the_extra_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cfgrib", None)
    (tmp_path / "gfs").write_bytes(b"GRIB" + bytes(200))
    with pytest.raises(SourceUnavailable, match=r"GRIB needs the optional extra grib.*pip install 'suyuan\[grib\]'"):
        open_met(tmp_path / "gfs")


def test_pyproj_comes_before_cfgrib():
    """Cfgrib loaded first ends the interpreter with a double free."""
    code = (
        "import sys, tracing.met\n"
        "assert 'pyproj' in sys.modules and 'cfgrib' not in sys.modules\n"
        "import importlib.util\n"
        "if importlib.util.find_spec('cfgrib'): import cfgrib\n"
        "import pyproj; pyproj.Proj('+proj=lcc +lat_1=30 +lon_0=100')(110, 40)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
