"""The city's days straight from the store: the same numbers as by way of every station's table."""

import numpy as np
import pandas as pd
import pytest

from geo.errors import InvalidInput
from layers.city_kernel import spread_hours
from layers.city_means import city_daily_means
from layers.means import DAILY_COLUMNS, daily_means, district_means


@pytest.fixture
def hours() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    times = pd.date_range("2024-04-28T16:00", "2024-05-03T15:00", freq="h", tz="UTC")
    rows = pd.MultiIndex.from_product(
        [["a", "b", "c"], times, ["pm25", "o3", "co", "temperature"]], names=["station_id", "time", "pollutant"]
    ).to_frame(index=False)
    rows["value"] = rng.normal(30.0, 20.0, len(rows))
    rows = rows[rng.random(len(rows)) < 0.85]
    rows = rows[(rows["station_id"] != "c") | (rows["time"] < pd.Timestamp("2024-05-01", tz="UTC"))]
    return rows.assign(unit="ug/m3", flag="").reset_index(drop=True)


def test_the_same_numbers_as_by_way_of_the_stations(workspace, hours):
    workspace.observations.add(hours)
    found = city_daily_means(workspace.observations, "2024-04-29", "2024-05-03")
    city = district_means(daily_means(hours), pd.Series("city", index=["a", "b", "c"]))
    assert found["date"].tolist() == city["date"].tolist()
    assert found["n_stations"].tolist() == city["n_stations"].tolist() == [3, 3, 3, 2, 2]
    for name in DAILY_COLUMNS:
        np.testing.assert_allclose(found[name], city[name], rtol=1e-12, err_msg=name)
    assert np.isfinite(found[["pm25", "co", "o3_8h"]]).any().all()
    one = city_daily_means(workspace.observations, "2024-05-01", "2024-05-02", stations=["a"])
    alone = daily_means(hours[hours["station_id"] == "a"])
    expected = alone[alone["date"].isin(one["date"])]["pm25"]
    np.testing.assert_allclose(one["pm25"], expected)


def test_days_without_values_and_days_that_make_no_sense(workspace, hours):
    workspace.observations.add(hours)
    assert city_daily_means(workspace.observations, "2023-01-01", "2023-01-31").empty
    assert len(city_daily_means(workspace.observations, "2024-05-01", "2024-05-31")) == 3
    for first, last in (("2024-05-02", "2024-05-01"), ("2024-01-01", "2026-01-01"), ("mai", "2024-01-01")):
        with pytest.raises(InvalidInput, match=f"{first} to {last}"):
            city_daily_means(workspace.observations, first, last)


def test_each_value_goes_to_its_place():
    hours = np.full((2, 2, 3), np.nan)
    station, pollutant = np.array([0, 1, 1, 0], np.int32), np.array([1, 0, 1, 0], np.int32)
    time = np.array([0, 7_200_000, 3_600_000, 3_600_000], np.int64) + 1000
    for run in (spread_hours, spread_hours.py_func):
        hours[:] = np.nan
        run(station, pollutant, time, np.array([1.0, 2.0, -3.0, np.nan]), 1000, hours)
        assert hours[1, 0, 0] == 1.0
        assert hours[0, 1, 2] == 2.0
        assert np.isnan(hours).sum() == 10
