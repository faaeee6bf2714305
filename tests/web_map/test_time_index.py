import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import Point

from geo.errors import InvalidInput
from web_map.time_index import time_index

HOURS = pd.to_datetime(["2021-01-01T00:00Z", "2021-01-01T01:00Z", "2021-01-01T02:00Z"])


def frame(rows: list[tuple[object, object]]) -> gpd.GeoDataFrame:
    table = pd.DataFrame(rows, columns=["time", "aqi"])
    table["time"] = pd.to_datetime(table["time"], utc=True)
    return gpd.GeoDataFrame(table, geometry=[Point(0, 0)] * len(table), crs=4326)


def test_the_worst_mean_comes_first() -> None:
    rows = [(HOURS[2], 40), (HOURS[0], 50), (HOURS[0], 60), (HOURS[1], 90), (HOURS[1], 80), (HOURS[2], 45)]
    index = time_index(frame(rows), "time", "aqi")
    assert list(index.times) == list(HOURS)
    assert index.default == HOURS[1]
    assert index.reason_zh == "全网均值最差的时刻"


def test_one_station_alone_does_not_decide() -> None:
    rows = [(HOURS[0], 50)] * 4 + [(HOURS[1], 500)] + [(HOURS[1], None)] * 3
    assert time_index(frame(rows), "time", "aqi").default == HOURS[0]


def test_without_values_the_latest_time_is_shown() -> None:
    rows = [(HOURS[0], None), (HOURS[2], None), (None, 10.0)]
    index = time_index(frame(rows).astype({"aqi": float}), "time", "aqi")
    assert index.default == HOURS[2]
    assert index.reason_en == "The latest time"
    assert time_index(frame(rows), "time").default == HOURS[2]


def test_an_empty_layer_has_no_times() -> None:
    index = time_index(frame([]), "time", "aqi")
    assert (index.times, index.default) == ((), None)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(InvalidInput, match="no column 'ozone'.*time, aqi"):
        time_index(frame([(HOURS[0], 1)]), "time", "ozone")
