"""`suyuan hotspots grid` with stations, micro-stations, a mobile run and a satellite's grid."""

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine

from layers.store import Workspace


@pytest.fixture
def given(root: Path) -> tuple[object, ...]:
    samples = root / "data_samples"
    lists = (samples / "stations.csv", samples / "micro_stations.csv")
    return ("hotspots", "grid", "--observations", samples / "observations.csv", "--stations", *lists)


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    minutes = pd.date_range("2021-10-20T21:00", periods=60, freq="min")
    table = pd.DataFrame({"时间": minutes.strftime("%Y-%m-%d %H:%M"), "PM2.5(ug/m3)": 120.0})
    table["经度"], table["纬度"] = np.linspace(119.0, 119.1, 60), 34.62
    table.to_csv(tmp_path / "走航.csv", index=False)
    return tmp_path / "走航.csv"


def satellite(path: Path, *, time: str | None = "2021-10-20T13:00:00Z") -> Path:
    profile = {"driver": "GTiff", "width": 8, "height": 6, "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
    with rasterio.open(path, "w", transform=Affine(0.2, 0, 118.4, 0, -0.2, 35.2), **profile) as out:
        out.write(np.full((6, 8), 66.0, dtype="float32"), 1)
        if time:
            out.update_tags(time=time)
    return path


def test_the_burning_bubbles_in_the_evening(suyuan, given, root, tmp_path) -> None:
    options = (*given, "--min-share", 0.1, "--hour", "2021-10-20T21:00", "--inside")
    out = tmp_path / "g.geojson"
    code, said, _ = suyuan(*options, root / "data_samples" / "districts.geojson", "--output", out)
    assert code == 0
    assert "1 bubble at 2021-10-20 21:00" in said
    assert "false by mirror values" in said
    cells = gpd.read_file(out)
    bubble = cells[cells["state"] == "bubbling"].iloc[0]
    # The fields burnt at 118.825, 34.617.
    assert bubble.geometry.centroid.distance(gpd.points_from_xy([118.825], [34.617])[0]) < 0.1
    assert bubble["z"] > 4
    assert cells["rank"].is_monotonic_increasing


def test_mobile_runs_and_satellites_join(suyuan, given, run_file, workspace, tmp_path) -> None:
    code, _, said = suyuan(*given, "--mobile", run_file, "--satellite", satellite(tmp_path / "s.tif"), "--cell-m", 2000)
    assert code == 0, said
    cells = Workspace(workspace).read("hot_grid")
    assert cells["n_mobile"].sum() == 60
    assert cells["n_satellite"].sum() == 48
    assert {"station", "micro", "mobile", "satellite"} == set(cells["source"].dropna())
    assert Workspace(workspace).record("hot_grid").synthetic
    code, _, _ = suyuan(*given, "--mobile", run_file, "--output", tmp_path / "g.tif")
    assert code == 0
    with rasterio.open(tmp_path / "g.tif") as source:
        assert source.descriptions[:2] == ("mean", "n_hours")
        assert json.loads(source.tags()["provenance"])["process"] == "hotspots-grid"


BAD = {
    "month": (("--month", "soon"), "is no month"),
    "hour": (("--hour", "soon"), "'soon' is no time"),
    "other month": (("--month", "2020-01"), "choose another --month"),
    "share": (("--min-share", 0), "--min-share 0"),
    "mobile": (("--mobile", "{micro}"), "has no column time"),
    "satellite": (("--satellite", "{timeless}"), "does not say when"),
    "cell": (("--cell-m", 60), "choose larger cells"),
    "nothing": (("--pollutant", "voc"), "no values of voc"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_ends_with_2_and_one_line(suyuan, given, root, tmp_path, name) -> None:
    options, told = BAD[name]
    names = {"micro": given[-1], "timeless": satellite(tmp_path / "t.tif", time=None)}
    filled = [str(option).format(**names) for option in options]
    inside = ("--inside", root / "data_samples" / "districts.geojson")
    code, _, said = suyuan(*given, *filled, *inside, "--output", tmp_path / "o.geojson")
    assert code == 2
    assert told in said
    assert said.count("\n") == 1
    assert not (tmp_path / "o.geojson").exists()


def test_a_list_of_stations_that_knows_none_of_them(suyuan, given, tmp_path) -> None:
    (tmp_path / "p.csv").write_text("id,lon,lat\nx,119,34\n", "utf-8")
    code, _, said = suyuan(*given[:5], tmp_path / "p.csv")
    assert code == 2
    assert "no station of the values is in" in said
