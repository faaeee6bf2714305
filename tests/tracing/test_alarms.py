"""Alarms against a slow reading of their definition, planted sources, laws, and the promise on false ones."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import InvalidInput, MissingData
from tracing.alarm_episodes import episode_numbers
from tracing.alarm_kernel import neighbours_median, runs
from tracing.alarms import AlarmRule, find_alarms
from tracing.false_alarms import FalseAlarms, at_most, false_share

FIRST = pd.Timestamp("2024-02-20T16:00Z")
SHORT = AlarmRule(days=10, min_days=4)


def network(n=12, seed=0):
    rng = np.random.default_rng(seed)
    points = gpd.points_from_xy(rng.uniform(119.0, 119.3, n), rng.uniform(34.5, 34.7, n))
    ids = [f"s{k}" for k in range(n)]
    return gpd.GeoDataFrame({"id": ids, "name": [f"站{k}" for k in range(n)]}, geometry=points, crs=4326)


def null_logs(days=20, n=12, seed=0):
    """Return logarithms of a city's air without sources: a day's course, weather for all, own noise with memory."""
    rng = np.random.default_rng(seed)
    hours = 24 * days
    city, own = np.empty(hours), np.empty((hours, n))
    city[0], own[0] = 0.0, 0.0
    for t in range(1, hours):
        city[t] = 0.97 * city[t - 1] + 0.1 * rng.normal()
        own[t] = 0.6 * own[t - 1] + 0.12 * rng.normal(size=n)
    course = 0.3 * np.sin(np.arange(hours) * 2 * np.pi / 24.0)[:, None] * rng.uniform(0.5, 1.5, n)
    return 4.0 + rng.normal(0.0, 0.2, n) + course + city[:, None] + own


def table(values, first=FIRST, n=None):
    times = pd.date_range(first, periods=len(values), freq="h")
    wide = pd.DataFrame(values, index=times, columns=[f"s{k}" for k in range(values.shape[1])])
    return wide.rename_axis("time").reset_index().melt("time", var_name="station_id", value_name="value").dropna()


def values_of(logs, offset=20.0):
    return np.exp(logs) - offset


def test_neighbours_and_runs_by_hand():
    values = np.array([[1.0, 2.0, 3.0, np.nan], [4.0, 5.0, 6.0, 9.0]])
    indptr, indices = np.array([0, 3, 3, 3, 3]), np.array([1, 2, 3])
    median, count = neighbours_median(values, indptr, indices, 3)
    assert np.isnan(median[0, 0])
    # Few values are put in order one by one, many are not: the same medians.
    crowd = np.random.default_rng(5).normal(size=(3, 120))
    for k in (5, 64, 65, 120):
        got, _ = neighbours_median(crowd, np.array([0] + [k] * 120), np.arange(k), 1)
        assert got[:, 0] == pytest.approx(np.median(crowd[:, :k], axis=1))
    assert (median[1, 0], count[0, 0], count[1, 0]) == (6.0, 2, 3)
    score = np.array([0.0, 3.0, 5.0, 1.0, 2.5, np.nan, np.nan, 6.0, 4.5, 0.0, 4.2])[:, None]
    fit = np.ones(score.shape, dtype=bool)
    assert runs(score, fit, 4.0, 2.0, 1).tolist() == [[0, 2, 4, 2], [0, 7, 10, 7]]
    fit[7] = False
    assert runs(score, fit, 4.0, 2.0, 1).tolist() == [[0, 2, 4, 2], [0, 8, 10, 8]]


def planted(seed=3):
    logs = null_logs(seed=seed)
    logs[400:406, :2] += [1.2, 0.9]
    return values_of(logs)


def test_a_planted_source_is_found_where_and_when_it_was():
    places = network()
    places.loc[1, "geometry"] = gpd.points_from_xy([places.geometry.x[0] + 0.02], [places.geometry.y[0]])[0]
    found = find_alarms(table(planted()), places, rule=SHORT)
    begin = FIRST + pd.Timedelta(hours=400)
    inside = found.alarms[(found.alarms["start"] - begin).abs() <= pd.Timedelta(hours=1)]
    assert inside["station_id"].tolist() == ["s0", "s1"]
    assert inside["episode"].nunique() == 1
    one = inside.iloc[0]
    assert one["hours"] == pytest.approx(6, abs=1)
    assert one["ratio"] == pytest.approx((one["value"] + 20) / (one["expected"] + 20))
    assert one["value"] > 2.0 * one["neighbours"]
    assert one["n_neighbours"] == 10
    episode = found.episodes.set_index("episode").loc[one["episode"]]
    assert (episode["n_alarms"], episode["members"]) == (2, "s0,s1")
    assert episode.geometry.covers(places.geometry[0])
    assert found.false_alarms.alarms == len(found.alarms)


def test_what_is_said_of_an_hour_does_not_change_when_the_next_ones_come():
    values, places = planted(), network()
    whole = find_alarms(table(values), places, rule=SHORT).alarms
    for stop in (404, 430):
        until = FIRST + pd.Timedelta(hours=stop - 1)
        live = find_alarms(table(values[:stop]), places, rule=SHORT).alarms
        known = whole[whole["start"] <= until]
        assert live["start"].tolist() == known["start"].tolist()
        over = known["end"] < until - pd.Timedelta(hours=2)
        columns = ["station_id", "start", "end", "value", "expected", "z"]
        pd.testing.assert_frame_equal(
            pd.DataFrame(live[columns])[over.to_numpy()].reset_index(drop=True),
            pd.DataFrame(known[columns])[over.to_numpy()].reset_index(drop=True),
        )


def test_alarms_since_a_moment_are_those_that_still_last():
    values, places = planted(), network()
    whole, moment = find_alarms(table(values), places, rule=SHORT), FIRST + pd.Timedelta(hours=402, minutes=30)
    late = find_alarms(table(values), places, rule=SHORT, since=moment)
    kept = whole.alarms[whole.alarms["end"] >= FIRST + pd.Timedelta(hours=402)]
    assert 0 < len(kept) < len(whole.alarms)
    assert late.alarms["start"].tolist() == kept["start"].tolist()
    assert late.alarms["false_share"].tolist() == kept["false_share"].tolist()
    assert late.false_alarms == whole.false_alarms


def test_doubtful_alarms_may_be_left_out():
    values, places = planted(), network()
    whole = find_alarms(table(values), places, rule=SHORT)
    kept = find_alarms(table(values), places, rule=AlarmRule(days=10, min_days=4, max_false_share=0.55))
    wanted = whole.alarms[whole.alarms["false_share"] <= 0.55]
    assert 0 < len(wanted) < len(whole.alarms)
    assert kept.alarms["start"].tolist() == wanted["start"].tolist()
    assert kept.false_alarms == whole.false_alarms
    assert f"{len(whole.alarms) - len(wanted)} of {len(whole.alarms)} alarms were left out" in " ".join(kept.warnings)


def test_a_rise_of_the_whole_city_is_no_alarm():
    logs = null_logs(seed=5)
    logs[400:410] += 1.5
    found = find_alarms(table(values_of(logs)), network(), rule=SHORT).alarms
    assert not ((found["start"] >= FIRST + pd.Timedelta(hours=398)) & (found["hours"] > 3)).any()
    assert len(found) <= 5


@settings(max_examples=8, deadline=None)
@given(factor=st.floats(0.01, 100.0), seed=st.integers(0, 1000))
def test_another_unit_and_another_order_change_nothing(factor, seed):
    values, places = planted(), network()
    rows = table(values)
    one = find_alarms(rows, places, rule=SHORT)
    shuffled = rows.sample(frac=1.0, random_state=seed).assign(value=lambda t: t["value"] * factor)
    rule = AlarmRule(days=10, min_days=4, offset=20.0 * factor)
    two = find_alarms(shuffled, places.iloc[::-1], rule=rule)
    assert two.alarms["start"].tolist() == one.alarms["start"].tolist()
    assert two.alarms["z"].to_numpy() == pytest.approx(one.alarms["z"].to_numpy(), rel=1e-6)
    assert two.false_alarms == one.false_alarms


def test_the_mirror_tells_how_many_alarms_chance_raises():
    # 100 cities without any source: every alarm is false, and the estimate of their number is right.
    alarms = mirror = 0
    rule = AlarmRule(days=8, min_days=4, threshold=3.0, ratio=1.2)
    places = network(8)
    for seed in range(100):
        found = find_alarms(table(values_of(null_logs(days=12, n=8, seed=seed))), places, rule=rule).false_alarms
        alarms, mirror = alarms + found.alarms, mirror + found.mirror
    assert alarms > 200
    # Both are sums of nearly independent alarms: three standard deviations of their difference.
    assert abs(alarms - mirror) < 3.0 * np.sqrt(alarms + mirror)


def test_among_planted_sources_the_false_are_as_many_as_the_mirror_says():
    # 250 sources in ten cities whose air never comes near nothing, where a low would have no room.
    places, false, mirror, kept = network(20), 0, 0, []
    for seed in range(10):
        rng = np.random.default_rng(500 + seed)
        logs = null_logs(days=40, n=20, seed=seed) + 1.5
        source = np.zeros(logs.shape, dtype=bool)
        for place, hour, lasts in zip(
            rng.integers(0, 20, 25), rng.integers(240, 954, 25), rng.integers(2, 6, 25), strict=True
        ):
            logs[hour : hour + lasts, place] += rng.uniform(0.6, 1.4)
            source[hour - 1 : hour + lasts + 2, place] = True
        rule = AlarmRule(days=10, min_days=4, threshold=3.0, ratio=1.2)
        found = find_alarms(table(values_of(logs)), places, rule=rule)
        rows = found.alarms
        first, last = (((rows[name] - FIRST) // pd.Timedelta(hours=1)).to_numpy() for name in ("start", "end"))
        place = rows["station_id"].str[1:].astype(int).to_numpy()
        wrong = np.array([not source[a : b + 1, p].any() for a, b, p in zip(first, last, place, strict=True)])
        false, mirror = false + wrong.sum(), mirror + found.false_alarms.mirror
        kept.extend(wrong[rows["false_share"].to_numpy() <= 0.2])
    assert false > 300
    assert abs(false - mirror) < 3.0 * np.sqrt(false + mirror)
    assert len(kept) > 150
    assert np.mean(kept) < 0.2 + 3.0 * np.sqrt(0.2 * 0.8 / len(kept))


def test_shares_of_false_alarms_by_hand():
    assert false_share(np.array([9.0, 5.0, 4.5]), np.array([4.2, 4.7])).tolist() == pytest.approx([1 / 2, 1 / 2, 2 / 3])
    assert false_share(np.array([9.0, 8.0, 7.0, 4.0]), np.array([4.5])).tolist() == pytest.approx([1 / 3] * 3 + [2 / 4])
    assert false_share(np.empty(0), np.array([1.0])).size == 0
    # Published table of exact limits: none seen, at most 3.00 at 95 %; ten seen, 16.96.
    assert at_most(0) == pytest.approx(2.9957, abs=1e-3)
    assert at_most(10) == pytest.approx(16.962, abs=1e-2)
    chance = FalseAlarms(20, 5, 7305)
    assert (chance.share, chance.per_place_month) == (0.25, pytest.approx(0.5, rel=1e-4))
    assert "25 %" in chance.said()[1]
    assert FalseAlarms(0, 0, 0).said() == ("", "")


def test_alarms_that_touch_in_space_and_time_are_one_episode():
    places = gpd.GeoDataFrame(geometry=gpd.points_from_xy([119.0, 119.05, 119.1, 119.5], [34.5] * 4), crs=4326)
    hour = [FIRST + pd.Timedelta(hours=h) for h in range(12)]
    rows = [(0, 0, 2), (3, 1, 2), (1, 4, 5), (2, 6, 8), (0, 11, 11)]
    alarms = pd.DataFrame([(p, hour[a], hour[b]) for p, a, b in rows], columns=["place", "start", "end"])
    alarms = alarms.sort_values("start", ignore_index=True)
    # 0 and 1: 4.6 km and one hour between (2 to 4); 1 and 2 likewise; 3 is far; the last is 9 hours later.
    assert episode_numbers(alarms, places, link_km=5.0, link_h=1).tolist() == [1, 2, 1, 1, 3]
    assert episode_numbers(alarms, places, link_km=5.0, link_h=0).tolist() == [1, 2, 3, 3, 4]
    assert episode_numbers(alarms.iloc[:0], places, link_km=5.0, link_h=0).size == 0


def test_beijing_low_and_high_deviations_are_equally_frequent(shared_data):
    folder = shared_data / "observations"
    raw = pd.read_csv(folder / "beijing_12_stations_2013_2017.csv.gz", low_memory=False)
    raw["time"] = pd.to_datetime(raw[["year", "month", "day", "hour"]]).dt.tz_localize("Asia/Shanghai")
    raw = raw[(raw["year"] == 2014) & (raw["month"] <= 6)]
    rows = raw.rename(columns={"station": "station_id", "PM2.5": "value"})[["station_id", "time", "value"]]
    ids = sorted(rows["station_id"].unique())
    places = gpd.GeoDataFrame({"id": ids}, geometry=network(12).geometry, crs=4326)
    chance = find_alarms(rows, places).false_alarms
    assert chance.alarms > 100
    # Half a year of real air: the scale is chosen so that the two sides agree to a quarter.
    assert chance.mirror == pytest.approx(chance.alarms, rel=0.25)


def test_equal_values_gaps_duplicates_and_young_places():
    places, values = network(), np.full((24 * 12, 12), 30.0)
    assert len(find_alarms(table(values), places, rule=SHORT).alarms) == 0
    values = planted()
    values[:, 3] = np.nan
    values[:300, 4] = np.nan
    places.loc[5, "geometry"] = places.geometry[6]
    found = find_alarms(pd.concat([table(values), table(values[:50])]), places, rule=SHORT)
    assert "s3" not in set(found.alarms["station_id"])
    assert any("fewer than 4 days of past" in text for text in found.warnings)


def test_weather_may_be_a_citys_or_a_stations_and_may_have_gaps():
    rows, places = table(planted()), network()
    hours = pd.date_range(FIRST, periods=480, freq="h")
    city = pd.DataFrame({"time": hours[:450], "wind_speed_ms": 2.0, "wind_from_deg": np.arange(450) % 360.0})
    found = find_alarms(rows, places, rule=SHORT, weather=city)
    assert "360 values have no weather" in " ".join(found.warnings)
    by_station = pd.concat([city.assign(station_id=name) for name in places["id"]])
    again = find_alarms(rows, places, rule=SHORT, weather=by_station)
    assert again.alarms["z"].tolist() == found.alarms["z"].tolist()


BAD = {
    "--min-days": dict(rule=AlarmRule(min_days=0)),
    "--threshold": dict(rule=AlarmRule(threshold=1.0)),
    "--max-false-share": dict(rule=AlarmRule(max_false_share=0.0)),
    "--ratio": dict(rule=AlarmRule(ratio=0.5)),
    "--offset": dict(rule=AlarmRule(offset=-1.0)),
    "--link-km": dict(rule=AlarmRule(link_km=0.0)),
    "not understood": dict(rule=AlarmRule(days=10, min_days=4, neighbours="near")),
    "column time with times": dict(rule=SHORT, weather=pd.DataFrame({"time": [1]})),
    "no column with numbers": dict(rule=SHORT, weather=pd.DataFrame({"time": [FIRST]})),
}


@pytest.mark.parametrize("told", BAD)
def test_bad_rules_and_bad_weather(told):
    with pytest.raises(InvalidInput, match=told):
        find_alarms(table(values_of(null_logs(6))), network(), **BAD[told])


def test_bad_observations_and_places():
    rows, places = table(values_of(null_logs(6))), network()
    with pytest.raises(InvalidInput, match="no column value"):
        find_alarms(rows.drop(columns="value"), places, rule=SHORT)
    with pytest.raises(InvalidInput, match="no zone"):
        find_alarms(rows.assign(time=rows["time"].dt.tz_localize(None)), places, rule=SHORT)
    with pytest.raises(InvalidInput, match="not numbers"):
        find_alarms(rows.assign(value="x"), places, rule=SHORT)
    with pytest.raises(InvalidInput, match="infinite"):
        find_alarms(rows.assign(value=np.inf), places, rule=SHORT)
    with pytest.raises(InvalidInput, match="no column id"):
        find_alarms(rows, places.drop(columns="id"), rule=SHORT)
    with pytest.raises(InvalidInput, match="two positions"):
        find_alarms(rows, places.assign(id=["s0", "s0", *places["id"][2:]]), rule=SHORT)
    with pytest.raises(MissingData, match="1 places"):
        find_alarms(rows, places.head(1), rule=SHORT)
    with pytest.raises(MissingData, match="span 8 hours"):
        find_alarms(rows[rows["time"] < FIRST + pd.Timedelta(hours=8)], places, rule=SHORT)
