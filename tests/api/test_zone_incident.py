"""`suyuan zone incident`: zones at the threat levels, receptors in and out, and clear words where it cannot."""

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from geo.geodesic import GEOD, area_m2
from layers.store import Workspace

BASE = {
    "lat": 34.60,
    "lon": 119.22,
    "substance": "chlorine",
    "rate-g-s": 500,
    "height": 2,
    "wind-speed": 3,
    "wind-from": 45,
    "stability": "D",
}


def command(**changes: object) -> tuple[object, ...]:
    options = BASE | {name.replace("_", "-"): value for name, value in changes.items()}
    listed = ((f"--{name}", value) for name, value in options.items() if value is not None)
    return ("zone", "incident", *(part for pair in listed for part in pair))


def test_one_valid_feature_per_level(suyuan, workspace: Path, tmp_path: Path) -> None:
    out = tmp_path / "zone.geojson"
    code, said, noted = suyuan(*command(output=out))
    assert code == 0
    assert "chlorine" in said
    assert "dense gas" in noted
    assert not workspace.exists()
    zones = gpd.read_file(out)
    assert zones["level_en"].tolist() == ["HJ 169 end point 1", "HJ 169 end point 2"]
    assert zones["threshold_mg_m3"].tolist() == [58.0, 5.8]
    assert zones["threshold_ppm"].tolist() == pytest.approx([20.0, 2.0], rel=0.01)
    assert zones.geometry.is_valid.all()
    for row in zones.itertuples():
        assert row.area_km2 == pytest.approx(area_m2(row.geometry) / 1e6, rel=1e-6)
        lon, lat = np.asarray(row.geometry.exterior.xy)
        azimuth, _, distance = GEOD.inv(np.full(len(lon), 119.22), np.full(len(lon), 34.60), lon, lat)
        far = distance.argmax()
        assert azimuth[far] % 360.0 == pytest.approx(225.0, abs=1.0)  # it goes where the wind goes
        assert distance[far] / 1000.0 == pytest.approx(row.reach_km, rel=1e-3)
        assert "does not replace" in row.assumptions_en
    record = json.loads(out.read_text("utf-8"))["provenance"]
    assert record["process"] == "zone-incident"
    assert any("dense gas" in text for text in record["warnings"])


@pytest.mark.parametrize("name", ["zone.kml", "zone.gpkg"])
def test_other_formats(suyuan, tmp_path: Path, name: str) -> None:
    assert suyuan(*command(output=tmp_path / name))[0] == 0
    assert len(gpd.read_file(tmp_path / name)) == 2


def test_without_output_it_becomes_a_layer(suyuan, workspace: Path) -> None:
    assert suyuan(*command())[0] == 0
    assert Workspace(workspace).record("affected_zones").count == 2


@pytest.mark.parametrize("header", ["lonlat", "metres"])
def test_receptors_get_their_concentration(suyuan, workspace: Path, tmp_path: Path, header: str) -> None:
    east, north = np.array([-300.0, 300.0, -9_000.0]), np.array([-300.0, 300.0, -9_000.0])
    lon, lat, _ = GEOD.fwd(
        np.full(3, 119.22), np.full(3, 34.60), np.degrees(np.arctan2(east, north)), np.hypot(east, north)
    )
    places = {"x_m": east, "y_m": north} if header == "metres" else {"lon": lon, "lat": lat}
    table = pd.DataFrame({"name": ["down", "up", "far"], **places, "z_m": 1.5})
    table.to_csv(tmp_path / "in.csv", index=False)
    out = tmp_path / "out.csv"
    code, _, noted = suyuan(*command(receptors=tmp_path / "in.csv", receptors_output=out))
    assert code == 0
    assert not workspace.exists(), "a table was asked for, not a workspace"
    assert "1 receptors beyond" in noted
    found = pd.read_csv(out)
    assert found["name"].tolist() == ["down", "up", "far"]
    x = np.hypot(300.0, 300.0)
    sy, sz = 0.08 * x / np.sqrt(1 + 1e-4 * x), 0.06 * x / np.sqrt(1 + 1.5e-3 * x)
    shape = np.exp(-0.5 * (0.5 / sz) ** 2) + np.exp(-0.5 * (3.5 / sz) ** 2)
    assert found["concentration_mg_m3"][0] == pytest.approx(5e5 / (2 * np.pi * 3 * sy * sz) * shape, rel=1e-3)
    assert found["concentration_mg_m3"][1] == 0.0
    assert np.isnan(found["concentration_mg_m3"][2])


def test_receptors_beside_a_workspace(suyuan, workspace: Path, tmp_path: Path) -> None:
    assert suyuan(*command())[0] == 0
    (tmp_path / "in.csv").write_text("x_m,y_m\n-200,-200\n", "utf-8")
    code, said, _ = suyuan(
        *command(substance="ammonia", receptors=tmp_path / "in.csv", receptors_output=tmp_path / "out.csv")
    )
    assert code == 0
    assert pd.read_csv(tmp_path / "out.csv")["concentration_mg_m3"][0] > 0
    assert set(Workspace(workspace).read("affected_zones")["substance"]) == {"ammonia"}


def test_on_site_meteorology(suyuan, tmp_path: Path) -> None:
    out = tmp_path / "zone.geojson"
    options = {"stability": None, "obukhov": -30, "ustar": 0.35, "sigma_azimuth": 10, "wind_height": 2}
    assert suyuan(*command(**options, output=out))[0] == 0
    assert "K-theory" in gpd.read_file(out)["assumptions_en"][0]


def test_other_levels(suyuan, tmp_path: Path) -> None:
    out = tmp_path / "zone.geojson"
    assert suyuan(*command(output=out), "--levels", "aegl", "erpg", "--duration-min", "10")[0] == 0
    assert "AEGL-3 (10 min)" in gpd.read_file(out)["level_en"].tolist()
    assert len(gpd.read_file(out)) == 6


@pytest.mark.parametrize(
    ("changes", "noted"),
    [
        ({"rate_g_s": 0.0001, "height": 40}, "is not reached"),
        ({"rate_g_s": 1e7}, "cut at 10.0 km"),
        ({"substance": "sulphur hexafluoride"}, "no such threat levels"),
        ({"substance": "ammonia"}, "aerosol"),
        ({"stability": None}, "no stability was given: taken as E"),
        ({"lat": 34.8, "lon": 123.0}, "dense gas"),
    ],
)
def test_what_must_be_known_is_said(suyuan, tmp_path: Path, changes: dict, noted: str) -> None:
    code, _, said = suyuan(*command(**changes, output=tmp_path / "z.geojson"))
    assert code == 0
    assert noted in said


def test_a_level_nobody_knows_is_not_one_that_is_not_reached(suyuan, tmp_path: Path) -> None:
    _, said, _ = suyuan(*command(substance="sulphur hexafluoride", output=tmp_path / "z.geojson"))
    assert "no level is known" in said
    assert "阈值未知" in said
    assert "no level is reached" in suyuan(*command(rate_g_s=0.0001, height=40, output=tmp_path / "z.geojson"))[1]


def test_an_empty_zone_is_a_result(suyuan, tmp_path: Path) -> None:
    out = tmp_path / "z.geojson"
    assert suyuan(*command(rate_g_s=0.0001, height=40, output=out))[0] == 0
    assert json.loads(out.read_text("utf-8"))["features"] == []


def test_outside_the_city_is_said(suyuan, tmp_path: Path) -> None:
    samples = Path(__file__).parents[2] / "data_samples"
    assert suyuan("layers", "add", "districts", samples / "districts.geojson")[0] == 0
    sea = suyuan(*command(lon=121.5, output=tmp_path / "z.geojson"))
    town = suyuan(*command(output=tmp_path / "z.geojson"))
    assert sea[0] == town[0] == 0
    assert "outside the city" in sea[2]
    assert "outside the city" not in town[2]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"substance": "unobtainium"}, "chlorine"),
        ({"rate_g_s": -5}, "above 0 g/s"),
        ({"rate_g_s": "nan"}, "finite number"),
        ({"wind_speed": -1}, "wind speed -1"),
        ({"wind_speed": "inf"}, "finite number"),
        ({"wind_speed": None}, "belong together"),
        ({"stability": "G"}, "A, B, C, D, E, F"),
        ({"obukhov": -30}, "belong together"),
        ({"obukhov": -30, "ustar": 0.3}, "not both"),
        ({"sun": "strong"}, "--stability"),
        ({"lat": 134}, "lat 134"),
        ({"height": -3}, "height -3"),
        ({"temperature_c": 400}, "temperature 400"),
        ({"receptors": "x.csv"}, "belong together"),
        ({"receptors": "none.csv", "receptors_output": "o.csv"}, "no such file"),
        ({"receptors": "none.csv", "receptors_output": "o.pdf"}, ".csv or .xlsx"),
        ({"output": "z.dwg"}, ".geojson"),
        ({"lon": None}, "--lon is missing"),
    ],
)
def test_bad_input_is_one_line(suyuan, tmp_path: Path, changes: dict, said: str) -> None:
    code, _, noted = suyuan(*command(**({"output": tmp_path / "z.geojson"} | changes)))
    assert code == 2
    assert said in noted
    assert noted.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "lon and lat, or x_m and y_m"),
        ("x_m,y_m\n1,2\nx,3\n", "line 3: x_m 'x'"),
        ("x_m,y_m\n", "no place"),
        ("lon,lat\n119,95\n", "lat '95'"),
        ("x_m,y_m,z_m\n1,2,-1\n", "below the ground"),
        ("", "empty"),
    ],
)
def test_bad_receptors_are_named(suyuan, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "in.csv").write_text(text, "utf-8")
    code, _, noted = suyuan(*command(receptors=tmp_path / "in.csv", receptors_output=tmp_path / "out.csv"))
    assert code == 2
    assert said in noted
    assert not (tmp_path / "out.csv").exists()
