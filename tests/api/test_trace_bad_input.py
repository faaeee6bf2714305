"""Each thing that can be wrong with a run of trajectories: exit 2, one line that names it, nothing left behind."""

from pathlib import Path

import numpy as np
import pytest

from data_samples import folder
from tracing.met import open_met
from tracing.met.arl_write import write_arl

MET = folder() / "practice_met.arl"
RUN = ("--start", "2021-10-20T00:00", "--lat", "34.5", "--lon", "119.2", "--hours", "-3")


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    """Meteorology that is wrong, each in its own way."""
    folder = tmp_path_factory.mktemp("met")
    raw, met = MET.read_bytes(), open_met(MET)
    paths = {name: folder / f"{name}.arl" for name in ("cut", "damaged", "other_grid", "empty", "holes", "windless")}
    paths["cut"].write_bytes(raw[: len(raw) // 2 - 7])
    damaged = bytearray(raw)
    damaged[-100] ^= 0x55
    paths["damaged"].write_bytes(damaged)
    write_arl(paths["other_grid"], met.isel(x=slice(0, -1)))
    paths["empty"].write_bytes(b"")
    write_arl(paths["windless"], met.drop_vars("v"))
    paths["holes"] = folder / "holes.nc"
    u = met["u"].values.copy()
    u[:, 1, 3, 4] = np.nan
    names = {"omega": "w", "level": "pressure_level", "y": "latitude", "x": "longitude"}
    out = met.assign(u=met["u"].copy(data=u))[["u", "v", "t", "omega", "sp"]].drop_vars(["forecast_h", "file"])
    out = out.drop_vars(["lat", "lon"]).rename(names).drop_attrs()
    out = out.assign_coords(
        latitude=("latitude", met["lat"].values, {"units": "degrees_north"}),
        longitude=("longitude", met["lon"].values, {"units": "degrees_east"}),
        pressure_level=("pressure_level", met["level"].values / 100.0, {"units": "hPa"}),
    )
    for name, unit in {"u": "m s-1", "v": "m s-1", "t": "K", "w": "Pa s-1", "sp": "Pa"}.items():
        out[name].attrs["units"] = unit
    out.to_netcdf(paths["holes"], engine="h5netcdf")
    return paths | {"met": MET, "folder": folder}


CASES = {
    "outside the grid": (("{met}",), (*RUN[:2], "--lat", "0", "--lon", "0", *RUN[6:]), "outside the meteorology"),
    "below the ground": (("{met}",), (*RUN, "--height", "-5"), "below ground"),
    "above the top": (("{met}",), (*RUN, "--height", "60000"), "above the top"),
    "height not a number": (("{met}",), (*RUN, "--height", "nan"), "finite number"),
    "NaN winds": (("{holes}",), RUN, "holes.nc: u is NaN at"),
    "cut short": (("{cut}",), RUN, "cut.arl"),
    "a checksum that fails": (("{damaged}",), RUN, "checksum"),
    "two grids": (("{met}", "{other_grid}"), RUN, "grid differs"),
    "an empty file": (("{empty}",), RUN, "empty.arl: the file is empty"),
    "no such file": (("nowhere.arl",), RUN, "nowhere.arl"),
    "a folder": (("{folder}",), RUN, "a folder; give the files in it"),
    "outside the period": (("{met}",), ("--start", "2021-12-20T00:00", *RUN[2:]), "practice_met.arl)"),
    "no wind": (("{windless}",), RUN, "windless.arl): no wind component v"),
    "0 hours": (("{met}",), (*RUN[:6], "--hours", "0"), "no length"),
    "endless": (("{met}",), (*RUN[:6], "--hours", "inf"), "hours"),
    "a million": (("{met}",), (*RUN, "--every", "1s", "--until", "2021-10-22T00:00", "--height", "*"), "--dry-run"),
    "a step too long": (("{met}",), (*RUN, "--step", "2h"), "step of 120 min"),
    "until before start": (("{met}",), (*RUN, "--every", "1h", "--until", "2021-10-19T00:00"), "lies before start"),
    "a spread of no size": (("{met}",), (*RUN, "--spread-km", "0"), "--spread-km 0"),
    "unknown along": (("{met}",), (*RUN, "--along", "ozone"), "--along"),
    "nothing of the kind": (("{met}",), (*RUN, "--along", "precipitation"), "no precipitation"),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("output", ["a.parquet", "a.tdump"])
def test_it_is_said_in_one_line_and_nothing_is_left(suyuan, files, tmp_path, case, output) -> None:
    met, words, named = CASES[case]
    words = tuple(str(h) for word in words for h in ([100, 200, 300, 400, 500, 600] if word == "*" else [word]))
    given = tuple(str(files.get(name.strip("{}"), name)) for name in met)
    code, out, err = suyuan("trace", "--met", *given, *words, "--output", tmp_path / output)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1, err
    assert named in err
    assert list(tmp_path.iterdir()) == []


def test_without_omega_the_divergence_moves_and_the_result_says_so(suyuan, tmp_path) -> None:
    met = tmp_path / "flat.arl"
    write_arl(met, open_met(MET).drop_vars("omega"))
    code, _, err = suyuan("trace", "--met", met, *RUN, "--output", tmp_path / "a.tdump")
    assert code == 0
    assert "no omega: the vertical motion is that of the wind's divergence" in err
    assert "DIVERGE" in (tmp_path / "a.tdump").read_text()
    code, _, err = suyuan("trace", "--met", met, *RUN, "--vertical", "omega", "--output", tmp_path / "b.tdump")
    assert code == 2
    assert "choose vertical isobaric or divergence" in err
