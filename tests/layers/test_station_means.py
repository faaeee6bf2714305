"""Means of a period, with the hours behind them."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from geo.errors import MissingData
from layers.station_means import station_means

HOURS = pd.date_range("2021-10-20T00:00Z", periods=4, freq="h")


def stations(**columns: list) -> gpd.GeoDataFrame:
    table = {"id": ["A", "B", "C"], "name": ["甲", "乙", "丙"], **columns}
    return gpd.GeoDataFrame(table, geometry=gpd.points_from_xy([119, 119.1, 119.2], [34, 34, 34]), crs=4326)


def observations() -> pd.DataFrame:
    rows = [
        ("A", hour, "pm25", value, "ug/m3", "") for hour, value in zip(HOURS, [10.0, 20.0, -5.0, 90.0], strict=True)
    ]
    rows += [("A", HOURS[0], "co", 0.8, "mg/m3", ""), ("B", HOURS[1], "pm25", 33.0, "ug/m3", "synthetic;negative")]
    return pd.DataFrame(rows, columns=["station_id", "time", "pollutant", "value", "unit", "flag"])


def test_means_are_of_the_valid_hours_in_the_period() -> None:
    means = station_means(stations(), observations(), start=HOURS[0], end=HOURS[3]).set_index("station_id")
    assert means["pm25_ug_m3"].to_dict() == {"A": 15.0, "B": 33.0}
    assert means["n_hours"].to_dict() == {"A": 2, "B": 1}
    assert means.loc["A", "co_mg_m3"] == 0.8
    assert np.isnan(means.loc["B", "co_mg_m3"])
    assert (means["start"] == HOURS[0]).all()


def test_generated_stations_and_values_say_so() -> None:
    period = {"start": HOURS[0], "end": HOURS[3]}
    assert station_means(stations(), observations(), **period)["synthetic"].tolist() == [False, True]
    marked = stations(synthetic=[True, False, None])
    assert station_means(marked, observations(), **period)["synthetic"].tolist() == [True, True]


def test_no_hours_is_an_error_that_names_the_period() -> None:
    with pytest.raises(MissingData, match="2022-01-01T00:00Z"):
        station_means(
            stations(), observations(), start=pd.Timestamp("2022-01-01T00:00Z"), end=pd.Timestamp("2022-01-02T00:00Z")
        )
