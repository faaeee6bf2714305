"""Planted faults are found, and little else is flagged."""

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from data_samples import folder
from geo.errors import InvalidInput
from layers.fault_signs import SIGNS, faults, flag_faults
from layers.observations import read_observations


def series(values, *, station="a", pollutant="pm25"):
    times = pd.date_range("2024-05-01", periods=len(values), freq="h", tz="UTC")
    columns = {"station_id": station, "time": times, "pollutant": pollutant, "value": np.asarray(values, float)}
    return pd.DataFrame({**columns, "unit": "ug/m3", "flag": ""})


def flags(table, stations=None):
    return flag_faults(table, stations)["flag"].tolist()


def test_twelve_equal_values_are_stuck_and_eleven_are_not():
    assert flags(series([30] + [40] * 12 + [41])) == [""] + ["stuck"] * 12 + [""]
    assert set(flags(series([30] + [40] * 11 + [41]))) == {""}
    assert set(flags(series([2] * 24, pollutant="so2"))) == {""}
    with_gap = series([40] * 14).drop(index=[5, 6])
    assert set(flags(with_gap)) == {"stuck"}
    two_stations = pd.concat([series([40] * 6), series([40] * 6, station="b")], ignore_index=True)
    assert set(flags(two_stations)) == {""}


def test_one_hour_that_stands_out_is_a_jump_and_a_rise_is_not():
    assert flags(series([30, 31, 400, 33, 32])) == ["", "", "jump", "", ""]
    assert flags(series([300, 310, 3, 320, 290])) == ["", "", "jump", "", ""]
    assert set(flags(series([30, 31, 400, 380, 200]))) == {""}
    assert set(flags(series([30, 31, 400, 33, 32]).drop(index=3))) == {""}


def test_pm25_above_pm10_and_negatives():
    table = pd.concat([series([50, 61, -3]), series([50, 50, 50], pollutant="pm10")], ignore_index=True)
    assert flags(table) == ["", "pm25_over_pm10", "negative", "", "pm25_over_pm10", ""]


def test_a_station_unlike_its_neighbours_for_a_day():
    rng = np.random.default_rng(4)
    places = gpd.GeoDataFrame(
        {"id": list("abcde")}, geometry=shapely.points(119 + np.arange(5) * 0.02, np.full(5, 34.5)), crs=4326
    )
    base = 60 + 20 * np.sin(np.arange(72) / 8)
    table = pd.concat(
        [series(base * (3.0 if name == "c" else 1.0) + rng.normal(0, 3, 72), station=name) for name in "abcde"],
        ignore_index=True,
    )
    found = faults(flag_faults(table, places))
    assert found[["station_id", "sign"]].values.tolist() == [["c", "neighbours"]]
    assert found["hours"].iloc[0] == 72
    assert found["reason_zh"].iloc[0] == SIGNS["neighbours"][0]
    plume = table.copy()
    plume.loc[plume["station_id"] == "c", "value"] /= 3.0
    plume.loc[
        (plume["station_id"] == "c") & plume["time"].between("2024-05-02T00:00Z", "2024-05-02T11:00Z"), "value"
    ] *= 4
    assert faults(flag_faults(plume, places)).empty
    assert faults(flag_faults(table)).empty
    apart = places.set_geometry(shapely.points(100 + np.arange(5) * 1.0, np.full(5, 34.5)))
    assert faults(flag_faults(table, apart)).empty


def test_flags_of_others_stay_and_our_own_are_renewed():
    table = series([40] * 12)
    table["flag"] = "H"
    once = flag_faults(table)
    assert set(once["flag"]) == {"H;stuck"}
    pd.testing.assert_frame_equal(flag_faults(once), once)
    corrected = once.assign(value=np.arange(30.0, 42.0))
    assert set(flag_faults(corrected)["flag"]) == {"H"}
    assert once["value"].tolist() == table["value"].tolist()
    with pytest.raises(InvalidInput, match="two values for one station"):
        flag_faults(pd.concat([table, table]))


def test_the_practice_episodes_stuck_instrument_is_found_and_nothing_else():
    truth = json.loads((folder() / "planted_truth.json").read_text("utf-8"))["stuck_instrument"]
    places = pd.concat([pd.read_csv(folder() / name) for name in ("stations.csv", "micro_stations.csv")])
    stations = gpd.GeoDataFrame(places[["id"]], geometry=gpd.points_from_xy(places["lon"], places["lat"]), crs=4326)
    observations = read_observations(folder() / "observations.csv").accepted
    found = faults(flag_faults(observations, stations))
    assert found[["station_id", "pollutant", "sign", "hours"]].values.tolist() == [
        [truth["station_id"], truth["pollutant"], "stuck", truth["hours"]]
    ]
    assert found["first"].iloc[0] == pd.Timestamp(truth["from"])


def test_few_flags_in_a_real_year(shared_data):
    raw = pd.read_csv(
        shared_data / "observations" / "beijing_12_stations_2013_2017.csv.gz", low_memory=False, dtype="str"
    )
    rows = read_observations(raw[raw["year"] == "2014"], units={"co": "ug/m3"}).accepted
    found = flag_faults(rows)
    share = found["flag"].str.contains("stuck|jump").mean()
    assert 0 < share < 0.005
    assert len(found) == len(rows)
