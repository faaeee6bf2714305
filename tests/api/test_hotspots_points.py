"""`suyuan hotspots density` and `clusters` on the practice fires, `emerging` on events."""

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio

from layers.store import Workspace


@pytest.fixture
def fires(root: Path) -> Path:
    return root / "data_samples" / "fire_points.csv"


def test_density_as_raster_and_as_cells(suyuan, fires, root, tmp_path) -> None:
    land = root / "data_samples" / "districts.geojson"
    options = ("hotspots", "density", fires, "--inside", land, "--cell-m", 3000, "--bandwidth-m", 10000)
    assert suyuan(*options, "--output", tmp_path / "d.tif")[0] == 0
    assert suyuan(*options, "--output", tmp_path / "d.geojson")[0] == 0
    cells = gpd.read_file(tmp_path / "d.geojson")
    with rasterio.open(tmp_path / "d.tif") as source:
        assert source.descriptions[0] == "density_per_km2"
        assert source.read(1, masked=True).max() == pytest.approx(cells["density_per_km2"].max())
        assert json.loads(source.tags()["provenance"])["parameters"]["cell_m"] == 3000
    assert set(cells["level"]) <= {0, 1, 2, 3, 4}


def test_clusters_of_fires_with_their_power(suyuan, fires, workspace, tmp_path) -> None:
    options = ("hotspots", "clusters", fires, "--time", "time", "--hours", 24, "--least", 3, "--weight", "frp_mw")
    assert suyuan(*options)[0] == 0
    store = Workspace(workspace)
    clusters, points = store.read("point_clusters"), store.read("cluster_points")
    assert clusters["n_points"].sum() == points["cluster"].notna().sum() > 0
    assert store.record("cluster_points").synthetic
    code, said, _ = suyuan(*options, "--output", tmp_path / "c.geojson")
    assert code == 0
    assert f"in {len(clusters)} clusters" in said


BAD = {
    "density": (("density", "--bandwidth-m", 0), "--bandwidth-m 0"),
    "cells": (("density", "--cell-m", 5000, "--bandwidth-m", 100), "larger than the bandwidth"),
    "land": (("density", "--inside", "{fires}"), "holds no polygon"),
    "weight": (("density", "--weight", "colour"), "no column 'colour'"),
    "hours": (("clusters", "--hours", 3), "--hours needs times"),
    "time": (("clusters", "--time", "when"), "no column 'when'"),
    "least": (("clusters", "--least", 0), "--least 0"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_ends_with_2_and_one_line(suyuan, fires, tmp_path, name) -> None:
    (command, *options), told = BAD[name]
    given = [str(option).format(fires=fires) for option in options]
    code, _, said = suyuan("hotspots", command, fires, *given, "--output", tmp_path / "o.geojson")
    assert code == 2
    assert told in said
    assert said.count("\n") == 1
    assert not (tmp_path / "o.geojson").exists()


def test_events_are_counted_in_cells(suyuan, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    days = pd.Timestamp("2021-01-01") + pd.to_timedelta(rng.integers(0, 365, 500), unit="D")
    table = pd.DataFrame({"时间": days.strftime("%Y-%m-%d"), "经度": rng.uniform(119, 119.3, 500)})
    table.assign(纬度=rng.uniform(34.5, 34.7, 500)).to_csv(tmp_path / "火点.csv", index=False, encoding="gb18030")
    out = tmp_path / "cells.geojson"
    options = ("hotspots", "emerging", tmp_path / "火点.csv", "--time", "时间", "--output", out)
    code, _, said = suyuan(*options, "--cell-m", 8000, "--step", "month")
    assert code == 0
    assert "500 events in " in said
    cells = gpd.read_file(out)
    assert set(cells.geometry.geom_type) == {"Polygon"}
    assert cells["n_tested"].eq(12).all()
    for more, told in (
        (("--cell-m", 8000), "--step hour, day, month, year"),
        (("--cell-m", 8000, "--step", "month", "--id", "经度"), "leave out --id"),
        (("--step", "month"), "--value is missing"),
        (("--value", "经度"), "--id is missing"),
    ):
        code, _, said = suyuan(*options, *more)
        assert (code, said.count("\n")) == (2, 1)
        assert told in said
