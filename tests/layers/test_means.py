"""Daily values by hand and against pandas on real data; the validity rules at their edges."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import InvalidInput
from layers.means import daily_means, district_means
from layers.means_kernels import day_mean, largest_8h, percentile
from layers.observations import read_observations


def hours(values, *, station="a", pollutant="pm25", start="2024-05-01T00:00+08:00"):
    times = pd.date_range(start, periods=len(values), freq="h").tz_convert("UTC")
    return pd.DataFrame({"station_id": station, "time": times, "pollutant": pollutant, "value": values, "flag": ""})


def test_a_day_needs_twenty_hours():
    day = np.arange(24.0)
    np.testing.assert_array_equal(day_mean(np.array([day, np.where(day < 4, np.nan, day)])), [11.5, 13.5])
    assert np.isnan(day_mean(np.where(day < 5, np.nan, day)))


def test_the_largest_8h_mean_by_hand():
    rising = np.arange(24.0)
    assert largest_8h(rising) == 19.5  # hours 16 to 23
    assert largest_8h(rising[::-1].copy()) == 19.5
    two_gone = rising.copy()
    two_gone[[22, 23]] = np.nan  # the last window keeps 6 of its 8 hours: 16..21
    assert largest_8h(two_gone) == 18.5
    three_gone = rising.copy()
    three_gone[[21, 22, 23]] = np.nan  # windows that end at 24:00 fall away, 15..20 and 14..20 stay
    assert largest_8h(three_gone) == 17.5
    short = rising.copy()
    short[18:] = np.nan  # 13 windows keep 6 hours: 0-7 .. 12-19
    assert np.isnan(largest_8h(short))
    short[18] = 18.0
    assert largest_8h(short) == 15.5  # 14 windows; the last one holds 13..18


def test_the_percentile_of_the_standard_and_of_numpy():
    assert percentile(np.array([3.0, 4, 8, 2, 5, 4, np.nan]), 90) == 6.5
    assert np.isnan(percentile(np.array([np.nan]), 90))


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=400), st.sampled_from([90.0, 95.0, 98.0, 100.0, 0.0]))
def test_the_percentile_is_the_linear_one(values, percent):
    assert percentile(np.array(values), percent) == pytest.approx(np.percentile(values, percent), rel=1e-9, abs=1e-9)


def test_the_day_is_chinas_and_hours_may_be_named_by_their_end():
    values = np.arange(48.0)
    by_start = daily_means(hours(values))
    assert by_start["date"].tolist() == [pd.Timestamp("2024-05-01"), pd.Timestamp("2024-05-02")]
    assert by_start["pm25"].tolist() == [11.5, 35.5]
    by_end = daily_means(hours(values), hour_named="end")
    assert by_end["pm25"].tolist()[1:] == [12.5, 36.0]  # 01:00 to 24:00; the last day lacks one hour
    assert by_end["date"].tolist()[0] == pd.Timestamp("2024-04-30")
    assert np.isnan(by_end["pm25"].iloc[0])
    with pytest.raises(InvalidInput, match="named by their start or end, not 'middle'"):
        daily_means(hours(values), hour_named="middle")


def test_negative_and_flagged_values_do_not_count():
    table = hours([10.0] * 24)
    table.loc[:4, "value"] = -1.0
    assert np.isnan(daily_means(table)["pm25"].iloc[0])
    table = hours([10.0] * 23 + [34.0])
    table.loc[23, "flag"] = "H;jump"
    assert daily_means(table)["pm25"].tolist() == [11.0]
    assert daily_means(table, leave_out=("jump",))["pm25"].tolist() == [10.0]
    assert daily_means(table.iloc[:0]).empty
    with pytest.raises(InvalidInput, match="two values for one station, hour and pollutant"):
        daily_means(pd.concat([table, table]))


def test_districts_average_their_stations():
    daily = daily_means(
        pd.concat([hours([10.0] * 24), hours([20.0] * 24, station="b"), hours([99.0] * 24, station="c")])
    )
    found = district_means(daily, pd.Series({"a": "海州区", "b": "海州区", "c": None}))
    assert found[["name", "pm25", "n_stations"]].values.tolist() == [["海州区", 15.0, 2]]


def test_a_real_year_agrees_with_pandas(shared_data):
    path = shared_data / "observations" / "beijing_12_stations_2013_2017.csv.gz"
    raw = pd.read_csv(path, low_memory=False)
    rows = read_observations(raw[raw["year"] == 2014].astype("str"), units={"co": "ug/m3"}).accepted
    daily = daily_means(rows)
    assert len(daily) == rows.groupby(["station_id", rows["time"].dt.tz_convert("Asia/Shanghai").dt.date]).ngroups
    local = rows["time"].dt.tz_convert("Asia/Shanghai").dt.strftime("%Y-%m-%d").rename("date")
    grouped = rows.groupby(["station_id", local, "pollutant"])["value"].agg(["mean", "count"])
    expected = grouped["mean"].where(grouped["count"] >= 20).unstack("pollutant")
    ours = (
        daily.assign(date=daily["date"].dt.strftime("%Y-%m-%d")).set_index(["station_id", "date"]).loc[expected.index]
    )
    for name in ("pm25", "pm10", "so2", "no2", "co"):
        np.testing.assert_allclose(ours[name], expected[name], rtol=1e-12)
    ozone = rows[(rows["pollutant"] == "o3") & (rows["station_id"] == "Tiantan")].set_index("time")["value"]
    full = ozone.tz_convert("Asia/Shanghai").asfreq("h")
    rolled = full.rolling(8, min_periods=6).mean()
    rolled = rolled[rolled.index.hour >= 7].groupby(lambda t: t.strftime("%Y-%m-%d")).agg(["max", "count"])
    theirs = rolled["max"].where(rolled["count"] >= 14).dropna()
    np.testing.assert_allclose(ours.loc["Tiantan"]["o3_8h"].dropna().loc[theirs.index], theirs, rtol=1e-9)
    assert ours.loc["Tiantan"]["o3_8h"].notna().sum() == len(theirs) > 320
