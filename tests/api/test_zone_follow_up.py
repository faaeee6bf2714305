"""An incident that goes on: measurements narrow its bands, a new wind draws it again, versions follow each other."""

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from geo.geodesic import GEOD
from layers.store import Workspace
from tests.api.test_zone_incident import command
from tracing.release import Air, Release
from tracing.zone_ensemble import model_of

LON, LAT, WIND = 119.22, 34.60, 45.0
# The truth of the twin: 1.2 kg/s in a wind that comes from 56 degrees; told are 500 g/s and 45 degrees.
TRUTH = model_of(Release(LON, LAT, 1_200.0, 2.0), Air(3.0, 56.0, stability="D"))


def reading(far: float, aside_deg: float) -> tuple[float, float, float]:
    """Return a place so far downwind of what was told, so many degrees aside, and what the truth brings there."""
    bearing = WIND + 180.0 + aside_deg
    lon, lat, _ = GEOD.fwd(LON, LAT, bearing, far)
    off = np.radians(bearing - 236.0)
    value = TRUTH.concentration(np.array([far * np.cos(off)]), np.array([-far * np.sin(off)]), np.array([1.5]))
    return float(lon), float(lat), float(value[0])


READINGS = [reading(400.0, 8.0), reading(500.0, 12.0), reading(700.0, 16.0), reading(600.0, 0.0)]
TOLD = {"substance": "ammonia", "lon": LON, "lat": LAT, "wind_from": WIND, "stability": "D"}


def typed(rows: list[tuple[float, float, float]]) -> list[str]:
    return [f"{lon:.6f},{lat:.6f},{value:.4g}" for lon, lat, value in rows]


def read(path: Path) -> tuple[gpd.GeoDataFrame, dict]:
    return gpd.read_file(path), json.loads(path.read_text("utf-8"))["provenance"]


def test_measurements_come_closer_to_the_truth(suyuan, tmp_path: Path) -> None:
    first, second = tmp_path / "1.geojson", tmp_path / "2.geojson"
    assert suyuan(*command(**TOLD, output=first), "--rate-range", 100, 5000)[0] == 0
    code, said, notes = suyuan("zone", "follow-up", first, "--measured", *typed(READINGS), "--output", second)
    assert code == 0, notes
    before, after = read(first)[0], read(second)[0]
    assert after["version"].tolist() == [2] * len(after)
    assert after["incident"][0] == before["incident"][0]
    assert "第 2 版" in said
    low, middle, high = read(second)[1]["parameters"]["found"]["rate_g_s"]
    assert low <= 1_200.0 <= high
    assert middle == pytest.approx(1_200.0, rel=0.5)
    widths = (after["reach_p90_km"] / after["reach_p10_km"], before["reach_p90_km"] / before["reach_p10_km"])
    assert (widths[0] < widths[1]).all()
    true_reach = max(float(x) for x in np.geomspace(10, 1e4, 4000) if TRUTH.axis(np.array([x]), 1.5)[0] >= 770.0) / 1e3
    grave = after[after["severity"] == "high"].iloc[0]
    assert grave["reach_p10_km"] <= true_reach <= grave["reach_p90_km"]
    assert "wind from 5" in notes


def test_a_table_with_chinese_headings_and_units(suyuan, tmp_path: Path) -> None:
    table, out = tmp_path / "走航.csv", tmp_path / "z.geojson"
    lines = [f"{lon:.6f},{lat:.6f},{value / 0.69612:.5g},ppm" for lon, lat, value in READINGS]
    table.write_bytes("\n".join(["经度,纬度,浓度,单位", *lines]).encode("gb18030"))
    assert suyuan(*command(**TOLD, measurements=table, output=out))[0] == 0
    other = tmp_path / "typed.geojson"
    assert suyuan(*command(**TOLD, output=other), "--measured", *typed(READINGS))[0] == 0
    rates = [read(path)[1]["parameters"]["found"]["rate_g_s"][1] for path in (out, other)]
    assert rates[0] == pytest.approx(rates[1], rel=0.02)


def test_a_new_wind_takes_the_place_and_shows_what_was_before(suyuan, workspace: Path, tmp_path: Path) -> None:
    first, second, third = (tmp_path / f"{n}.geojson" for n in (1, 2, 3))
    assert suyuan(*command(**TOLD, output=first), "--measured", *typed(READINGS))[0] == 0
    code, _, notes = suyuan("zone", "follow-up", first, "--wind-speed", 3, "--wind-from", 120, "--output", second)
    assert code == 0, notes
    assert "only the release that they found is kept" in notes
    found, record = read(second)
    # The gas now goes to the north-west; the readings of the old wind do not pull it back.
    centre = found.geometry[0].centroid
    assert GEOD.inv(LON, LAT, centre.x, centre.y)[0] % 360.0 == pytest.approx(300.0, abs=3.0)
    assert record["parameters"]["carried"]["rate_range"][0] < 1_200.0 < record["parameters"]["carried"]["rate_range"][1]
    # From the workspace's layer the same goes on, and the zone before is drawn beside it.
    assert suyuan("zone", "follow-up", second, "--wind-speed", 4, "--wind-from", 130, "--workspace", workspace)[0] == 0
    store = Workspace(workspace)
    assert store.read("affected_zones")["version"].tolist()[0] == 3
    bands = store.read("zone_bands")
    assert shapely.equals(bands[bands["band"] == "before"].geometry.iloc[0], found.geometry[0])
    code, _, _ = suyuan(
        "zone", "follow-up", "affected_zones", "--rate-g-s", 50, "--workspace", workspace, "--output", third
    )
    assert code == 0
    assert read(third)[0]["version"].tolist()[0] == 4


def test_a_wind_that_turns_makes_the_zone_grow(suyuan, tmp_path: Path) -> None:
    first, second = tmp_path / "1.geojson", tmp_path / "2.geojson"
    begin = {"time": "2021-10-20T06:00Z", "hours": 0.25}
    assert suyuan(*command(**TOLD, **begin, output=first))[0] == 0
    code, _, notes = suyuan(
        *("zone", "follow-up", first, "--wind-speed", 3, "--wind-from", 110, "--time", "2021-10-20T14:15+08:00"),
        *("--output", second),
    )
    assert code == 0, notes
    before, after = (read(path)[0].set_index("severity").geometry for path in (first, second))
    # What went with the first wind stays; what escaped after 15 minutes goes with the second.
    assert after["high"].area > 1.2 * before["high"].area
    assert shapely.intersection(after["high"], before["high"]).area > 0.5 * before["high"].area


def test_pdf_and_kmz_of_a_follow_up(suyuan, tmp_path: Path) -> None:
    first = tmp_path / "1.geojson"
    assert suyuan(*command(**TOLD, output=first))[0] == 0
    for name in ("2.pdf", "2.kmz", "2.gpkg"):
        assert suyuan("zone", "follow-up", first, "--measured", *typed(READINGS), "--output", tmp_path / name)[0] == 0
        assert (tmp_path / name).stat().st_size > 1_000


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--measured", "119.2,34.6"], "LON,LAT,MG_M3"),
        (["--measured", "34.6,119.2,5"], "longitude before latitude"),
        (["--measured", "119.2,34.6,-5"], "cannot be"),
        (["--measured", "119.2,34.6,nan"], "LON,LAT,MG_M3"),
        (["--measured", "116.2,34.6,5"], "km from the source"),
        (["--measured", "119.2,34.6,5,1.5,yesterday"], "ISO time"),
        (["--wind-speed", "3"], "belong together"),
        (["--time", "2021-10-20T06:00Z"], "since when a new wind blows"),
        (["--wind-speed", "3", "--wind-from", "70", "--time", "2021-10-20T06:00Z"], "no time or no typed wind"),
        (["--wind-speed", "99", "--wind-from", "70"], "wind speed 99"),
        (["--rate-g-s", "-1"], "above 0"),
        (["--stability", "X"], "stability"),
    ],
)
def test_bad_follow_ups_are_one_line(suyuan, tmp_path: Path, options: list[str], said: str) -> None:
    first, out = tmp_path / "1.geojson", tmp_path / "2.geojson"
    assert suyuan(*command(**TOLD, output=first))[0] == 0
    code, _, error = suyuan("zone", "follow-up", first, *options, "--output", out)
    assert code == 2
    assert said in error
    assert error.strip().count("\n") == 0
    assert not out.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "empty"),
        ('{"type":"FeatureCollection","features":[]}', "does not say what the incident was told"),
    ],
)
def test_what_is_no_incident_is_refused(suyuan, tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "x.geojson").write_text(content, "utf-8")
    code, _, error = suyuan("zone", "follow-up", tmp_path / "x.geojson", "--output", tmp_path / "y.geojson")
    assert code == 2
    assert any(part in error for part in said.split("|")), error


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("lon,lat\n119.2,34.6\n", "lon and lat"),
        ("lon,lat,value\n", "no readings|no rows|empty"),
        ("lon,lat,value\n119.2,34.6,abc\n", "line"),
        ("lon,lat,value,unit\n119.2,34.6,1,furlong\n", "furlong"),
    ],
)
def test_bad_tables_of_measurements(suyuan, tmp_path: Path, table: str, said: str) -> None:
    path = tmp_path / "m.csv"
    path.write_text(table, "utf-8")
    code, _, error = suyuan(*command(**TOLD, measurements=path, output=tmp_path / "z.geojson"))
    assert code == 2
    assert any(part in error for part in said.split("|")), error
