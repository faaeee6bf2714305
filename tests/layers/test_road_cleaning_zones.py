import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from pyproj import Geod

from geo.errors import InvalidInput
from geo.geodesic import distance_m
from layers.catalogue import get_schema
from layers.road_cleaning_zones import ZONE_COLUMNS, road_cleaning_zones


def stations(places, level, **columns):
    ids = [f"s{i}" for i in range(len(places))]
    data = {"id": ids, "name": [f"站{i}" for i in ids], "level": level} | columns
    return gpd.GeoDataFrame(data, geometry=gpd.points_from_xy(*zip(*places, strict=True)), crs=4326)


def test_national_and_provincial_stations_have_3_km():
    frame = stations([(119.0 + i / 5, 34.6) for i in range(5)], ["national", "provincial", "city", "township", None])
    zones = road_cleaning_zones(frame)
    assert zones.columns.tolist() == [*ZONE_COLUMNS, "geometry"]
    assert zones["kind"].tolist() == ["station", "station", "dissolved"]
    assert zones["station_id"].tolist()[:2] == ["s0", "s1"]
    assert zones["level"].tolist()[:2] == ["national", "provincial"]
    assert zones.loc[2, ["station_id", "name", "level"]].isna().all()
    assert zones["area_km2"].tolist() == pytest.approx([9 * np.pi, 9 * np.pi, 18 * np.pi], rel=1e-3)
    for zone, x in zip(zones.geometry[:2], (119.0, 119.2), strict=True):
        assert np.allclose(distance_m(x, 34.6, *np.asarray(zone.exterior.coords).T), 3000.0, rtol=0.0, atol=1e-5)


def test_the_union_takes_off_what_two_share():
    lon, lat, _ = Geod(ellps="WGS84").fwd(119.2, 34.6, 60.0, 2_500.0)
    zones = road_cleaning_zones(stations([(119.2, 34.6), (lon, lat)], "national"))
    lens = 2 * 9 * np.arccos(2.5 / 6) - 1.25 * np.sqrt(36 - 2.5**2)
    assert zones["area_km2"].iloc[-1] == pytest.approx(18 * np.pi - lens, rel=1e-3)


def test_no_such_station_makes_no_zone():
    zones = road_cleaning_zones(stations([(119.2, 34.6)], "micro"))
    assert zones.empty
    assert zones.columns.tolist() == [*ZONE_COLUMNS, "geometry"]
    assert zones.crs.to_epsg() == 4326


def test_real_stations(shared_data):
    table = pd.read_csv(shared_data / "layers" / "lianyungang_stations.csv")
    frame = stations(list(zip(table["lon"], table["lat"], strict=True)), "national", id=table.iloc[:, 0].astype(str))
    zones = road_cleaning_zones(frame)
    assert len(zones) == len(table) + 1
    single = zones["area_km2"].iloc[:-1]
    assert single.max() - single.min() < 0.001
    assert single.max() < zones["area_km2"].iloc[-1] < single.sum()


def test_columns_are_those_of_the_schema():
    zones = road_cleaning_zones(stations([(119.2, 34.6)], "national"))
    # The column synthetic is the store's to add.
    assert set(get_schema("road_cleaning_zones").names) - {"synthetic"} <= set(zones.columns)


def test_names_are_optional_and_other_crs_are_taken():
    frame = stations([(119.2, 34.6)], "National ").drop(columns="name").to_crs(3857)
    zones = road_cleaning_zones(frame)
    assert zones["name"].isna().all()
    assert zones["area_km2"][0] == pytest.approx(9 * np.pi, rel=1e-3)


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (stations([(119.2, 34.6)], "national").drop(columns="level"), "column level is missing"),
        (stations([(119.2, 34.6)], "national").drop(columns="id"), "column id is missing"),
        (stations([(119.2, 34.6)], "national").set_geometry([None], crs=4326), "stations: s0 has no position"),
        (stations([(119.2, 34.6)], "national").set_crs(None, allow_override=True), "no CRS"),
    ],
)
def test_bad_stations_are_refused(frame, text):
    with pytest.raises(InvalidInput, match=text):
        road_cleaning_zones(frame)
