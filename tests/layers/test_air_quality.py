"""Indices by hand: at break points, between them, above them, without a value; by date of the data."""

from decimal import ROUND_HALF_EVEN, Decimal

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geo.errors import InvalidInput
from layers.air_quality import CATEGORIES, STANDARDS, daily_aqi, hourly_aqi, iaqi, standard_of, station_aqi
from layers.aqi_kernels import BREAKPOINTS, IAQI_STEPS, counted_units

OLD, NEW = STANDARDS


@pytest.mark.parametrize("standard", STANDARDS)
def test_each_break_point_has_its_index_exactly(standard):
    for item, steps in BREAKPOINTS[standard].items():
        np.testing.assert_array_equal(iaqi(item, np.array(steps), standard), IAQI_STEPS[: len(steps)], err_msg=item)


@pytest.mark.parametrize(
    ("item", "standard", "conc", "expected"),
    [
        ("pm25_24h", OLD, 36, 52),  # 50 + 50/40 = 51.25, up
        ("pm25_24h", NEW, 36, 52),  # 50 + 50/25 = 52
        ("pm25_24h", OLD, 60, 82),  # 50 + 50 * 25/40 = 81.25, up
        ("pm25_24h", NEW, 60, 100),
        ("pm25_24h", OLD, 75, 100),
        ("pm25_24h", NEW, 75, 114),  # 100 + 50 * 15/55 = 113.6, up
        ("pm25_1h", OLD, 500, 500),
        ("pm25_1h", OLD, 999, 500),
        ("pm10_24h", OLD, 100, 75),
        ("pm10_24h", NEW, 100, 86),  # 50 + 50 * 50/70 = 85.7, up
        ("co_1h", OLD, 0.1, 1),  # 50 * 0.1/5 = 1, exactly
        ("co_1h", OLD, 3.3, 33),
        ("co_24h", OLD, 2.1, 53),  # 50 + 50 * 0.1/2 = 52.5, up
        ("o3_1h", OLD, 250, 125),
        ("o3_8h", NEW, 161, 101),  # 100 + 50/55 = 100.9, up
        ("o3_8h", NEW, 900, 300),
        ("so2_1h", OLD, 801, 200),
        ("no2_1h", OLD, 150, 75),
        ("pm25_24h", OLD, 35.4, 50),  # counts as 35
        ("pm25_24h", OLD, 36.5, 52),  # half to even: 36
        ("pm25_24h", OLD, 0, 0),
        ("pm25_24h", OLD, np.nan, np.nan),
        ("pm25_24h", OLD, -3, np.nan),
    ],
)
def test_an_index_by_hand(item, standard, conc, expected):
    np.testing.assert_array_equal(iaqi(item, np.array([conc]), standard), [expected])


def test_the_index_never_falls_and_keeps_the_shape():
    conc = np.linspace(0, 700, 2801).reshape(3, -1) if 2801 % 3 == 0 else np.linspace(0, 700, 2802).reshape(3, -1)
    for standard in STANDARDS:
        for item in BREAKPOINTS[standard]:
            index = iaqi(item, conc, standard)
            assert index.shape == conc.shape
            assert (np.diff(index.ravel()) >= 0).all()
            assert (index == np.round(index)).all()


def test_rounding_is_half_even():
    assert [counted_units(conc, 1.0) for conc in (0.5, 1.5, 2.5, 2.51)] == [0, 2, 2, 3]
    for hundredths in range(0, 15_100):
        exact = (Decimal(hundredths) / 100).quantize(Decimal("0.1"), ROUND_HALF_EVEN) * 10
        assert counted_units(hundredths / 100, 10.0) == exact


def test_the_standard_changes_at_midnight_in_china():
    times = pd.Series(pd.to_datetime(["2026-02-28T15:59Z", "2026-02-28T16:00Z"], utc=True))
    assert standard_of(times).tolist() == [OLD, NEW]
    with pytest.raises(InvalidInput, match="no zone"):
        standard_of(times.dt.tz_localize(None))


def test_hourly_index_category_and_primary_pollutants():
    table = pd.DataFrame(
        {
            "time": pd.to_datetime(["2024-05-01T00:00Z"] * 5, utc=True),
            "pm25": [36.0, 20.0, np.nan, 115.0, 400.0],
            "pm10": [40.0, 50.0, np.nan, 250.0, np.nan],
            "o3": [20.0, 100.0, np.nan, 10.0, np.nan],
        }
    )
    found = hourly_aqi(table)
    assert found["aqi"].tolist()[:2] == [52, 50]
    assert pd.isna(found["aqi"].iloc[2])
    assert found["aqi"].tolist()[3:] == [150, 434]  # 400 + 100 * 50/150 = 433.3, up
    assert found["category"].tolist()[:2] == [2, 1]
    assert found["category"].tolist()[3:] == [3, 6]
    assert found["primary"].where(found["primary"].notna(), "").tolist() == ["pm25", "", "", "pm25,pm10", "pm25"]
    assert set(found["standard"]) == {OLD}
    assert "iaqi_so2" not in found
    with pytest.raises(InvalidInput, match="no pollutant"):
        hourly_aqi(table[["time"]])


def test_above_800_the_2012_rules_use_another_mean_and_the_2026_rules_a_cap():
    times = pd.to_datetime(["2024-05-01T00:00Z", "2024-05-01T00:00Z", "2026-05-01T00:00Z"], utc=True)
    table = pd.DataFrame({"time": times, "so2": [900.0] * 3, "so2_24h": [1600.0, np.nan, 1600.0]})
    assert hourly_aqi(table)["aqi"].tolist() == [300, 200, 200]
    days = pd.DataFrame({"date": ["2024-05-01", "2026-05-01"], "o3_8h": [810.0] * 2, "o3_1h": [1000.0] * 2})
    found = daily_aqi(days)
    assert found["aqi"].tolist() == [400, 300]
    assert found["primary"].tolist() == ["o3_8h"] * 2


def test_categories_have_the_steps_of_the_standard():
    assert [c.highest for c in CATEGORIES] == [50, 100, 150, 200, 300, 500]
    assert [c.name_zh for c in CATEGORIES] == ["优", "良", "轻度污染", "中度污染", "重度污染", "严重污染"]
    assert CATEGORIES[0].colour == "#00e400"
    with pytest.raises(InvalidInput, match="unknown standard"):
        iaqi("pm25_24h", np.array([1.0]), "HJ 1")
    with pytest.raises(InvalidInput, match="unknown item 'pm1'"):
        iaqi("pm1", np.array([1.0]), OLD)


@pytest.fixture
def stations() -> gpd.GeoDataFrame:
    columns = {"id": ["b", "a", "c"], "name": ["乙", "甲", "丙"], "synthetic": [True] * 3}
    return gpd.GeoDataFrame(columns, geometry=shapely.points([[119.2, 34.6], [119.1, 34.5], [119, 34]]), crs=4326)


def test_stations_get_their_index_by_hour(stations):
    hours = pd.date_range("2024-05-01", periods=24, freq="h", tz="UTC")
    rows = [("a", hour, "so2", 900.0, "ug/m3") for hour in hours]
    rows += [
        ("b", hours[0], "pm25", 36.0, "ug/m3"),
        ("b", hours[0], "co", 0.5, "mg/m3"),
        ("x", hours[0], "o3", 1.0, "ug/m3"),
    ]
    rows += [("b", hours[1], "pm25", -1.0, "ug/m3")]
    observations = pd.DataFrame(rows, columns=["station_id", "time", "pollutant", "value", "unit"])
    found = station_aqi(stations, observations.sample(frac=1, random_state=1))
    assert found[["station_id", "time"]].apply(tuple, axis=1).is_monotonic_increasing
    assert len(found) == 26
    first = found[found["station_id"] == "b"].iloc[0]
    assert (first["name"], first["aqi"], first["category"], first["primary"]) == ("乙", 52, 2, "pm25")
    assert (first["pm25_ug_m3"], first["co_mg_m3"], first["synthetic"]) == (36.0, 0.5, True)
    assert first.geometry == shapely.Point(119.2, 34.6)
    assert pd.isna(found[found["station_id"] == "b"].iloc[1]["aqi"])
    sulphur = found[found["station_id"] == "a"]["aqi"].tolist()
    assert sulphur == [200] * 19 + [213] * 5  # a 24-h mean of 900: 200 + 100 * 100/800 = 212.5, up
    assert found.attrs["notes"] == [
        "left out, no such station in the layer: x",
        "stations without observations: c",
    ]


def test_generated_values_at_a_real_station_say_so(stations):
    hours = pd.to_datetime(["2024-05-01T00:00Z", "2024-05-01T01:00Z"], utc=True)
    columns = {"station_id": "a", "time": hours, "pollutant": "pm25", "value": 1.0, "flag": ["H;synthetic", ""]}
    observations = pd.DataFrame(columns)
    real = stations.assign(synthetic=False)
    assert station_aqi(real, observations)["synthetic"].tolist() == [True, False]
    assert station_aqi(real.drop(columns="synthetic"), observations)["synthetic"].tolist() == [True, False]
    assert "synthetic" not in station_aqi(real.drop(columns="synthetic"), observations.assign(flag=""))


def test_observations_in_other_units_or_given_twice_are_refused(stations):
    row = {
        "station_id": ["a"],
        "time": pd.to_datetime(["2024-05-01T00:00Z"], utc=True),
        "pollutant": ["co"],
        "value": [300.0],
    }
    one = pd.DataFrame(row).assign(unit="ug/m3")
    with pytest.raises(InvalidInput, match="CO in mg/m3"):
        station_aqi(stations, one)
    with pytest.raises(InvalidInput, match="two values"):
        station_aqi(stations, pd.concat([one, one]).assign(unit="mg/m3"))
    assert len(station_aqi(stations, one.iloc[:0])) == 0


def test_a_million_hours_are_fast_and_match_the_single_ones():
    rng = np.random.default_rng(3)
    conc = rng.uniform(0, 600, 1_000_000)
    index = iaqi("pm25_24h", conc, OLD)
    steps = BREAKPOINTS[OLD]["pm25_24h"]
    straight = np.interp(np.minimum(np.round(conc), 500), steps, IAQI_STEPS)
    np.testing.assert_array_equal(index, np.ceil(np.round(straight, 9)))
