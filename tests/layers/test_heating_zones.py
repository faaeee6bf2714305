import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import Geod

from geo.errors import InvalidInput
from geo.geodesic import area_m2, distance_m
from layers.catalogue import get_schema
from layers.heating_zones import BOILER_COLUMNS, RADIUS_KM, ZONE_COLUMNS, heating_zones

GEOD = Geod(ellps="WGS84")
XINHAI = (119.1275, 34.5782)


def chp(rows, **columns):
    """Build units from (plant, MW, lon, lat)."""
    plant, capacity, lon, lat = zip(*rows, strict=True)
    data = {"plant": plant, "capacity_mw": capacity, "status": "operating", "capacity_of": "unit"} | columns
    return gpd.GeoDataFrame(data, geometry=gpd.points_from_xy(lon, lat), crs=4326)


def boilers_at(places, fuel="coal", status="operating", **columns):
    names = [f"锅炉{i}" for i in range(len(places))]
    data = {"name": names, "fuel": fuel, "capacity_tph": 10.0, "status": status} | columns
    return gpd.GeoDataFrame(data, geometry=gpd.points_from_xy(*zip(*places, strict=True)), crs=4326)


def away(metres, azimuth=77.0, origin=XINHAI):
    lon, lat, _ = GEOD.fwd(*origin, azimuth, metres)
    return lon, lat


def lens_km2(radius, apart):
    """Return the area that two equal circles of the plane share."""
    return 2 * radius**2 * np.arccos(apart / (2 * radius)) - apart / 2 * np.sqrt(4 * radius**2 - apart**2)


@pytest.mark.parametrize(
    ("capacity", "rule"),
    [(299.99, "other_15km"), (300.0, "chp_300mw_30km"), (300_000 * 0.001, "chp_300mw_30km"), (0.0, "other_15km")],
)
def test_exactly_300_mw_counts(capacity, rule):
    zones = heating_zones(chp([("新海", capacity, *XINHAI)]), None).zones
    assert zones["rule"].tolist() == [rule, rule]
    assert zones["radius_km"].tolist() == [RADIUS_KM[rule]] * 2
    assert zones["kind"].tolist() == ["plant", "dissolved"]
    # A disc of the plane: the Earth's curvature takes off 2 parts in a million.
    assert zones["area_km2"].tolist() == pytest.approx([np.pi * RADIUS_KM[rule] ** 2] * 2, rel=1e-3)


def test_the_largest_unit_decides_never_the_sum():
    out = heating_zones(chp([("甲", 200.0, *XINHAI), ("甲", 250.0, *XINHAI)]), None)
    plant = out.zones.iloc[0]
    assert (plant["rule"], plant["capacity_mw"], plant["decided_by"]) == ("other_15km", 250.0, "unit")
    assert pd.isna(plant["note"])
    assert len(out.zones) == 2
    assert out.warnings == []


def test_a_plant_total_decides_where_nothing_else_is_known():
    frame = chp([("甲", 660.0, *XINHAI), ("乙", 120.0, 119.58, 34.55)], capacity_of="plant")
    zones = heating_zones(frame, None).zones.set_index("plant")
    assert zones.loc["甲", "rule"] == "chp_300mw_30km"
    assert zones.loc["甲", "decided_by"] == "plant_total"
    assert zones.loc["甲", "note"] == (
        "仅有全厂容量 660 MW，按全厂容量判定 / only the plant's total of 660 MW is known: the total decides"
    )
    assert (zones.loc["乙", "rule"], zones.loc["乙", "capacity_mw"]) == ("other_15km", 120.0)
    assert "120 MW" in zones.loc["乙", "note_en"]


def test_known_units_outrank_a_total_in_rule_and_place():
    frame = chp([("甲", 440.0, 119.3, 34.6), ("甲", 220.0, *XINHAI)], capacity_of=["plant", "unit"])
    out = heating_zones(frame, boilers_at([XINHAI]))
    assert out.zones.iloc[0][["rule", "capacity_mw", "decided_by"]].tolist() == ["other_15km", 220.0, "unit"]
    assert out.boilers["distance_km"][0] == 0.0


def test_without_capacity_of_each_row_is_a_unit():
    frame = chp([("甲", 300.0, *XINHAI)]).drop(columns="capacity_of")
    assert heating_zones(frame, None).zones["decided_by"][0] == "unit"


def test_units_that_do_not_operate_make_no_zone():
    frame = chp(
        [("甲", 330.0, *XINHAI), ("甲", 135.0, *XINHAI), ("乙", 600.0, 119.6, 34.5)],
        status=["retired", "operating", "planned"],
    )
    out = heating_zones(frame, None)
    assert out.zones["plant"].dropna().tolist() == ["甲"]
    assert out.zones["rule"].tolist() == ["other_15km"] * 2
    assert any("1 retired units make no zone: 甲" in text and "退役" in text for text in out.warnings)
    assert any("1 planned units make no zone: 乙" in text for text in out.warnings)


def test_nothing_operating_is_an_answer_with_its_reason():
    out = heating_zones(chp([("甲", 330.0, *XINHAI)], status="retired"), boilers_at([XINHAI]))
    assert out.zones.empty
    assert out.zones.columns.tolist() == [*ZONE_COLUMNS, "geometry"]
    assert "no CHP unit operates: no heating zone was drawn" in out.warnings[-1]
    boiler = out.boilers.iloc[0]
    assert not boiler["inside"]
    assert pd.isna(boiler["plant"])
    assert np.isnan(boiler["distance_km"])
    assert (boiler["n_zones"], boiler["action"]) == (0, "none")
    assert "no operating CHP plant" in boiler["reason_en"]
    empty = heating_zones(chp([("甲", 330.0, *XINHAI)]).iloc[:0], boilers_at([XINHAI]))
    assert empty.zones.empty


def test_unknown_status_is_taken_as_operating_and_said():
    frame = chp([("甲", 330.0, *XINHAI)], status=[None])
    for units in (frame, frame.drop(columns="status")):
        out = heating_zones(units, boilers_at([XINHAI], status=[None]))
        assert out.boilers["action"].tolist() == ["close_or_integrate"]
        assert "1 units have no status and were taken as operating" in out.warnings[0]
        assert "1 boilers have no status and were taken as in use" in out.warnings[1]


def test_a_unit_without_plant_is_its_own_plant():
    frame = chp([("甲", 330.0, *XINHAI), ("  ", 100.0, 119.5, 34.5), (None, 120.0, 119.9, 34.5)])
    frame["name"] = ["1#", "独立机组", "另一机组"]
    assert heating_zones(frame, None).zones["plant"].dropna().tolist() == ["另一机组", "独立机组", "甲"]
    assert heating_zones(frame.drop(columns="plant"), None).zones["plant"].notna().sum() == 3


@pytest.mark.parametrize("azimuth", [0.0, 45.0, 133.3, 251.0])
@pytest.mark.parametrize(("capacity", "radius"), [(300.0, 30_000.0), (299.0, 15_000.0)])
def test_the_boundary_is_inside_and_half_a_metre_more_is_not(azimuth, capacity, radius):
    places = [away(radius + d, azimuth) for d in (0.0, -0.5, 0.5, 0.005)]
    out = heating_zones(chp([("新海", capacity, *XINHAI)]), boilers_at(places))
    assert out.boilers["inside"].tolist() == [True, True, False, False]
    assert out.boilers["action"].tolist() == ["close_or_integrate"] * 2 + ["none"] * 2
    assert out.boilers["n_zones"].tolist() == [1, 1, 0, 0]
    assert out.boilers["distance_km"][2] == pytest.approx(radius / 1000 + 0.0005, abs=1e-7)
    assert out.zones["n_coal_boilers"].tolist() == [2, 2]


def test_distance_decides_not_the_drawn_polygon():
    # Between two vertices the polygon runs up to 1.1 m inside the circle: there the two answers differ.
    place = away(29_999.5, 0.5)
    out = heating_zones(chp([("新海", 330.0, *XINHAI)]), boilers_at([place]))
    assert not out.zones.geometry[0].contains(shapely.Point(place))
    assert out.boilers["inside"].tolist() == [True]


def test_only_coal_boilers_in_use_are_to_be_closed():
    frame = boilers_at(
        [away(1000.0 * i) for i in range(1, 8)],
        fuel=["coal", "gas", "biomass", "oil", "coal", "coal", "Coal "],
        status=["operating", "operating", "operating", "operating", "closed", "standby", None],
    )
    out = heating_zones(chp([("新海", 330.0, *XINHAI)]), frame).boilers
    assert out["inside"].all()
    expected = ["close_or_integrate", *["none"] * 4, "close_or_integrate", "close_or_integrate"]
    assert out["action"].tolist() == expected
    assert out["reason_en"][0] == "coal boiler, 1.0 km from 新海, inside its 30 km heating zone"
    assert out["reason_zh"][0] == "燃煤锅炉，距新海 1.0 km，在其 30 km 供热半径内"
    assert out["reason_en"][1].endswith("but it does not burn coal")
    assert out["reason_zh"][4].endswith("已关停")
    assert out["reason"][4] == out["reason_zh"][4] + " / " + out["reason_en"][4]


def test_reasons_near_the_boundary_show_enough_digits():
    out = heating_zones(chp([("新海", 330.0, *XINHAI)]), boilers_at([away(30_000.5)])).boilers
    assert out["reason_en"][0] == "30.0005 km from 新海, outside its 30 km heating zone"


def test_the_plant_is_the_nearest_of_those_that_hold_the_boiler():
    # 16 km from a small plant (outside its 15 km), 25 km from a large one (inside its 30 km).
    small, large = XINHAI, away(41_000.0, 90.0)
    place = away(16_000.0, 90.0)
    out = heating_zones(chp([("小", 100.0, *small), ("大", 330.0, *large)]), boilers_at([place, away(60_000.0, 270.0)]))
    inside, outside = out.boilers.iloc[0], out.boilers.iloc[1]
    assert (inside["plant"], inside["rule"], inside["n_zones"]) == ("大", "chp_300mw_30km", 1)
    assert inside["distance_km"] == pytest.approx(distance_m(*place, *large) / 1000, abs=1e-9)
    assert (outside["plant"], outside["rule"], outside["n_zones"]) == ("小", "other_15km", 0)
    assert outside["distance_km"] == pytest.approx(60.0, abs=1e-6)


def test_in_two_zones_the_nearer_plant_is_named_and_both_count():
    east = away(10_000.0, 90.0)
    out = heating_zones(chp([("西", 330.0, *XINHAI), ("东", 100.0, *east)]), boilers_at([away(8_000.0, 90.0)]))
    boiler = out.boilers.iloc[0]
    assert (boiler["plant"], boiler["rule"], boiler["n_zones"]) == ("东", "other_15km", 2)
    assert out.zones["n_coal_boilers"].tolist() == [1, 1, 1, 1]


def test_a_plant_outside_the_city_reaches_into_it(shared_data):
    # Chenjiagang lies just outside the city; its 30 km reach Guanyun and Guannan.
    plants = pd.read_csv(shared_data / "layers" / "power_plants_lianyungang_region.csv")
    row = plants[plants["name"].str.contains("Chenjiagang")].iloc[0]
    frame = chp([(row["name"], row["capacity_mw"], row["longitude"], row["latitude"])], capacity_of="plant")
    guanyun = (119.55, 34.40)
    out = heating_zones(frame, boilers_at([guanyun]))
    assert 20.0 < out.boilers["distance_km"][0] < 30.0
    assert out.boilers["action"][0] == "close_or_integrate"
    assert out.zones["decided_by"][0] == "plant_total"


def test_units_at_several_places_make_one_union():
    apart = 4_000.0
    other = away(apart, 90.0)
    out = heating_zones(
        chp([("甲", 330.0, *XINHAI), ("甲", 330.0, *XINHAI), ("甲", 100.0, *other)]),
        boilers_at([away(33_000.0, 90.0), away(31_000.0, 270.0)]),
    )
    plant = out.zones.iloc[0]
    assert plant["area_km2"] == pytest.approx(2 * np.pi * 900 - lens_km2(30.0, apart / 1000), rel=1e-3)
    assert out.boilers["inside"].tolist() == [True, False]
    assert out.boilers["distance_km"][0] == pytest.approx(29.0, abs=0.001)
    assert out.warnings == []


def test_places_too_far_apart_for_one_plant_are_said():
    out = heating_zones(chp([("热电厂", 100.0, *XINHAI), ("热电厂", 100.0, *away(50_000.0))]), None)
    assert out.zones.geometry[0].geom_type == "MultiPolygon"
    assert "lie 50.0 km apart" in out.warnings[0]


def test_dissolved_zones_are_the_unions_per_rule():
    apart = 20_000.0
    frame = chp(
        [
            ("甲", 330.0, *XINHAI),
            ("乙", 600.0, *away(apart, 35.0)),
            ("丙", 50.0, *away(5_000.0)),
            ("丁", 50.0, 118.0, 34.0),
        ]
    )
    zones = heating_zones(frame, None).zones
    merged = zones[zones["kind"] == "dissolved"].set_index("rule")
    assert sorted(merged.index) == ["chp_300mw_30km", "other_15km"]
    expected = 2 * np.pi * 900 - lens_km2(30.0, apart / 1000)
    assert merged.loc["chp_300mw_30km", "area_km2"] == pytest.approx(expected, rel=1e-3)
    assert merged.loc["other_15km", "area_km2"] == pytest.approx(2 * np.pi * 225, rel=1e-3)
    # And by counting: the share of a random sample that lies within reach of a plant, no polygon involved.
    rng = np.random.default_rng(5)
    lon, lat = rng.uniform(118.6, 119.8, 200_000), rng.uniform(34.1, 35.1, 200_000)
    weight = np.cos(np.radians(lat))
    reached = np.minimum(distance_m(lon, lat, *XINHAI), distance_m(lon, lat, *away(apart, 35.0))) <= 30_000.0
    ring = np.linspace(118.6, 119.8, 500)
    box = shapely.Polygon(
        [*zip(ring, np.full(500, 34.1), strict=True), *zip(ring[::-1], np.full(500, 35.1), strict=True)]
    )
    assert (weight * reached).sum() / weight.sum() * area_m2(box) / 1e6 == pytest.approx(expected, rel=0.01)


def test_dissolved_counts_each_boiler_once():
    frame = chp([("甲", 330.0, *XINHAI), ("乙", 330.0, *away(5_000.0))])
    out = heating_zones(frame, boilers_at([away(1_000.0), away(2_000.0)]))
    assert out.zones["n_coal_boilers"].tolist() == [2, 2, 2]


def test_without_boilers_the_count_is_unknown_not_zero():
    out = heating_zones(chp([("甲", 330.0, *XINHAI)]), None)
    assert out.zones["n_coal_boilers"].isna().all()
    assert out.boilers.empty
    assert set(BOILER_COLUMNS) < set(out.boilers.columns)
    none_inside = heating_zones(chp([("甲", 330.0, *XINHAI)]), boilers_at([(121.0, 33.0)]))
    assert none_inside.zones["n_coal_boilers"].tolist() == [0, 0]


def test_all_boilers_come_back_in_their_order_with_what_the_ledger_needs():
    frame = boilers_at([away(40_000.0), away(1_000.0)], district=["东海县", "海州区"], id=["b2", "b1"], note="x")
    frame.index = [9, 9]
    out = heating_zones(chp([("甲", 330.0, *XINHAI)]), frame).boilers
    assert out.columns.tolist() == [*BOILER_COLUMNS, "id", "district", "geometry"]
    assert out["id"].tolist() == ["b2", "b1"]
    assert out.crs.to_epsg() == 4326


def test_columns_are_those_of_the_schemas():
    out = heating_zones(chp([("甲", 330.0, *XINHAI)]), boilers_at([XINHAI]))
    for frame, schema in ((out.zones, "heating_zones"), (out.boilers, "heating_boilers")):
        # The column synthetic is the store's to add.
        for field in (f for f in get_schema(schema).fields if f.name != "synthetic"):
            assert field.name in frame.columns
            allowed = {choice.value for choice in field.choices or ()}
            assert not allowed or set(frame[field.name].dropna()) <= allowed


def test_zone_ids_are_unique_and_stable():
    frame = chp([("乙", 330.0, *XINHAI), ("甲", 100.0, *away(9_000.0))])
    first, second = heating_zones(frame, None).zones, heating_zones(frame.iloc[::-1], None).zones
    assert first["zone_id"].is_unique
    assert first["zone_id"].tolist() == second["zone_id"].tolist()
    assert first.geometry.geom_equals(second.geometry).all()


def test_other_crs_and_polygons_are_taken():
    frame = chp([("甲", 330.0, *XINHAI)]).to_crs(4527)
    square = boilers_at([away(10_000.0)])
    square["geometry"] = square.geometry.to_crs(3857).buffer(20.0).to_crs(4326)
    out = heating_zones(frame, square)
    assert out.boilers["distance_km"][0] == pytest.approx(10.0, abs=0.001)
    assert out.zones.crs.to_epsg() == 4326


GOOD = [("甲", 330.0, *XINHAI)]


@pytest.mark.parametrize(
    ("units", "text"),
    [
        (chp(GOOD).drop(columns="capacity_mw"), "chp: column capacity_mw is missing"),
        (chp([*GOOD, ("乙", np.nan, *XINHAI)]), "chp row 2: column capacity_mw is no capacity: give MW"),
        (chp([("甲", -5.0, *XINHAI)]), "chp row 1: column capacity_mw is no capacity"),
        (chp([("甲", np.inf, *XINHAI)]), "column capacity_mw is no capacity"),
        (chp([("甲", "much", *XINHAI), ("乙", "more", *XINHAI)]), r"row 1: column capacity_mw .*\(and 1 more rows\)"),
        (chp(GOOD).drop(columns="plant"), "neither column plant nor name"),
        (chp([(None, 330.0, *XINHAI)]), "chp row 1: column plant and name are both empty"),
        (chp(GOOD, status="running"), "column status is 'running': use one of operating, planned, retired"),
        (chp(GOOD, capacity_of="site"), "column capacity_of is 'site': use one of unit, plant"),
        (chp(GOOD).set_crs(None, allow_override=True), "chp: the positions have no CRS"),
        (chp(GOOD).set_geometry([None], crs=4326), "chp row 1: column geometry is missing"),
    ],
)
def test_bad_units_are_refused(units, text):
    with pytest.raises(InvalidInput, match=text) as caught:
        heating_zones(units, None)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("boilers", "text"),
    [
        (boilers_at([XINHAI]).drop(columns="fuel"), "boilers: column fuel is missing"),
        (boilers_at([XINHAI, XINHAI], fuel=["coal", None]), "boilers row 2: column fuel is empty"),
        (boilers_at([XINHAI], fuel=[" "]), "boilers row 1: column fuel is empty"),
        (boilers_at([XINHAI]).set_geometry([shapely.Point()], crs=4326), "boilers row 1: column geometry is missing"),
    ],
)
def test_bad_boilers_are_refused(boilers, text):
    with pytest.raises(InvalidInput, match=text):
        heating_zones(chp(GOOD), boilers)


def test_a_unit_that_makes_no_zone_needs_no_capacity():
    frame = chp([("甲", 330.0, *XINHAI), ("乙", np.nan, *XINHAI)], status=["operating", "planned"])
    assert len(heating_zones(frame, None).zones) == 2


def test_wind_and_solar_make_no_zone_and_are_named() -> None:
    chp = gpd.GeoDataFrame(
        {
            "name": ["煤电", "灌云风电", "Solar A"],
            "capacity_mw": [330.0, 400.0, 50.0],
            "fuel": ["Coal", "Wind", " solar "],
        },
        geometry=gpd.points_from_xy([119.1, 119.6, 119.3], [34.5, 34.5, 34.4]),
        crs=4326,
    )
    result = heating_zones(chp, None)
    assert result.zones.loc[result.zones["kind"] == "plant", "plant"].tolist() == ["煤电"]
    assert any("灌云风电" in warning and "Solar A" in warning for warning in result.warnings)
