"""Warnings of heavy pollution: both rule sets by hand, rule sets as data, series in, a winter replayed."""

import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import InvalidInput, MissingData, SourceUnavailable
from layers.air_quality import daily_aqi
from layers.aqi_series import read_series, series_from_observations
from layers.means import daily_means, district_means
from layers.observation_store import empty
from layers.warning_rules import COLOURS, choose, load_rule_sets, warnings_of

SETS = {one.id: one for one in load_rule_sets()}
FIRST = dt.date(2024, 12, 1)


def found(aqi: list[float], rules: str = "2024") -> list[tuple[str, int, int]]:
    days = [FIRST + dt.timedelta(days=n) for n in range(len(aqi))]
    warnings = warnings_of(days, np.array(aqi, dtype=float), [SETS[rules]], dated=False)
    return [(w.colour, (w.start - FIRST).days, (w.end - FIRST).days) for w in warnings]


@pytest.mark.parametrize(
    ("aqi", "expected"),
    [
        ([250], []),
        ([200, 200, 200], []),
        ([100, 201, 250, 90], [("yellow", 1, 2)]),
        ([201, 250, 260], [("orange", 0, 2)]),
        ([201, 250, 260, 290], [("orange", 0, 3)]),
        ([201, 301, 310, 290], [("red", 0, 3)]),
        ([301, 250, 301, 290], [("orange", 0, 3)]),
        ([400, 400], [("yellow", 0, 1)]),
        ([499], []),
        ([500], [("red", 0, 0)]),
        ([210, 220, 90, 230, 240, 250], [("yellow", 0, 1), ("orange", 3, 5)]),
        ([210, np.nan, 220], []),
    ],
)
def test_the_rules_of_2018(aqi, expected):
    assert found(aqi, "2018") == expected


@pytest.mark.parametrize(
    ("aqi", "expected"),
    [
        ([150, 150], []),
        ([151], []),
        ([151, 160], [("yellow", 0, 1)]),
        ([201], [("yellow", 0, 0)]),
        ([151, 160, 170], [("orange", 0, 2)]),
        ([201, 210], [("orange", 0, 1)]),
        ([160, 210], [("yellow", 0, 1)]),
        ([201, 210, 220], [("orange", 0, 2)]),
        ([201, 301, 220], [("red", 0, 2)]),
        ([310, 220], [("orange", 0, 1)]),
        ([500], [("yellow", 0, 0)]),
        ([160, 210, 310, 230, 155], [("red", 0, 4)]),
    ],
)
def test_the_rules_of_2024(aqi, expected):
    assert found(aqi) == expected


def test_a_warning_says_why_and_when():
    days = [FIRST + dt.timedelta(days=n) for n in range(5)]
    (one,) = warnings_of(days, np.array([160.0, 210.0, 310.0, 230.0, 155.0]), [SETS["2024"]])
    assert (one.colour_start, one.colour_end) == (days[1], days[3])
    assert one.hours == 120
    assert one.peak_aqi == 310.0
    assert "AQI > 200: 72 h (2024-12-02..12-04, ≥ 72 h)" in one.reason
    assert "AQI > 300: 24 h (2024-12-03..12-03, ≥ 24 h)" in one.reason
    assert [one.rule_set.cut_pct(colour) for colour in COLOURS] == [10.0, 20.0, 30.0]


@given(st.lists(st.integers(0, 500), min_size=1, max_size=30), st.integers(0, 60))
def test_dirtier_air_never_lowers_the_warning(aqi, more):
    rank = {None: 0} | {colour: number for number, colour in enumerate(COLOURS, start=1)}

    def by_day(values):
        out = [0] * len(values)
        for colour, first, last in found(values):
            out[first : last + 1] = [max(rank[colour], v) for v in out[first : last + 1]]
        return out

    before = by_day(aqi)
    after = by_day([min(500, value + more) for value in aqi])
    assert all(b <= a for b, a in zip(before, after, strict=True))


def test_each_rule_set_counts_in_its_time():
    days = [dt.date(2023, 12, 20), dt.date(2024, 1, 20)]
    (one,) = warnings_of(days, np.array([201.0, 201.0]), list(SETS.values()))
    assert (one.rule_set.id, one.start) == ("2024", days[1])
    assert len(warnings_of(days, np.array([201.0, 201.0]), [SETS["2024"]], dated=False)) == 2


@pytest.mark.parametrize(
    ("aqi", "expected"),
    [
        # Nothing by the rules of 2018; by those of 2024, in force from the fourth day on, three days above 150.
        ([170, 180, 190, 195, 180, 170, 80], [("2024", "orange", 4, 6)]),
        # A warning of 2018 runs on, and what the new rules call for is no graver until it ends.
        ([210, 220, 230, 240, 210, 90, 80], [("2018", "orange", 1, 5)]),
        ([210, 220, 230, 240, 170, 180, 190], [("2018", "orange", 1, 4), ("2024", "orange", 5, 7)]),
        # The new rules call for more than the warning that is on.
        ([90, 90, 201, 310, 201, 201, 80], [("2018", "orange", 3, 6), ("2024", "red", 4, 6)]),
    ],
)
def test_an_episode_over_the_day_of_new_rules(aqi, expected):
    days = [dt.date(2023, 12, 29) + dt.timedelta(days=n) for n in range(7)]
    warnings = warnings_of(days, np.array(aqi, dtype=float), list(SETS.values()))
    spans = [(w.rule_set.id, w.colour, (w.start - days[0]).days + 1, (w.end - days[0]).days + 1) for w in warnings]
    assert spans == expected


def own_rules(tmp_path, **changes):
    condition = {"aqi_above": 100, "hours": 24}
    entry = {"id": "ours", "city": "连云港", "valid_from": "2024-01-01", "merge_gap_hours": 36}
    entry |= {"colours": [{"colour": "yellow", "cut_pct": 12, "any": [[condition]]}]} | changes
    path = tmp_path / "rules.json"
    path.write_text(json.dumps({"rule_sets": [entry]}), "utf-8")
    return path


def test_a_city_has_its_own_rules(tmp_path):
    sets = load_rule_sets(own_rules(tmp_path))
    assert choose(sets, "auto", "连云港") == sets
    days = [FIRST + dt.timedelta(days=n) for n in range(7)]
    aqi = np.array([110.0, 90.0, 120.0, 90.0, 80.0, 130.0, 20.0])
    spans = [(w.start.day, w.end.day) for w in warnings_of(days, aqi, sets)]
    assert spans == [(1, 3), (6, 6)]  # one day between is less than 36 h, two are more
    with pytest.raises(InvalidInput, match="--city"):
        choose(sets, "auto", "")
    with pytest.raises(InvalidInput, match="unknown rule set '2019'; use auto, 2018, 2024"):
        choose(list(SETS.values()), "2019", "")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"id": ""}, "id is missing"),
        ({"valid_from": "soon"}, "give a day"),
        ({"valid_to": "2020-01-01"}, "before valid_from"),
        ({"colours": [{"colour": "blue"}]}, "colour is one of yellow"),
        ({"colours": [{"colour": "red", "any": []}]}, "list of lists"),
        ({"colours": [{"colour": "red", "any": [[{"aqi_above": 900, "hours": 24}]]}]}, "from 0 to 500"),
        ({"colours": [{"colour": "red", "any": [[{"aqi_above": 200}]]}]}, "hours None"),
        ({"colours": [{"colour": "red", "any": [[{"hours": 24}]]}]}, "aqi_above or aqi_at_least"),
        ({"colours": 2 * [{"colour": "red", "any": [[{"aqi_above": 2, "hours": 24}]]}]}, "twice"),
    ],
)
def test_rules_that_are_none(tmp_path, changes, said):
    with pytest.raises(InvalidInput, match=said):
        load_rule_sets(own_rules(tmp_path, **changes))


def test_files_that_are_no_rules(tmp_path):
    (tmp_path / "a.json").write_text("{", "utf-8")
    (tmp_path / "b.json").write_text("[]", "utf-8")
    with pytest.raises(InvalidInput, match="no JSON"):
        load_rule_sets(tmp_path / "a.json")
    with pytest.raises(InvalidInput, match="no list rule_sets"):
        load_rule_sets(tmp_path / "b.json")
    with pytest.raises(SourceUnavailable, match="cannot be read"):
        load_rule_sets(tmp_path / "c.json")


def series(tmp_path, text: str):
    (tmp_path / "s.csv").write_text(text, "utf-8")
    return read_series(tmp_path / "s.csv")


def test_a_series_of_indices(tmp_path):
    read = series(tmp_path, "日期,AQI\n2024-12-03,210\n2024/12/1,160\n2024-12-05,-\n")
    assert read.days == [dt.date(2024, 12, 1), dt.date(2024, 12, 3), dt.date(2024, 12, 5)]
    assert read.aqi[:2].tolist() == [160.0, 210.0]
    assert "3 days have no index" in read.notes[0]


def test_a_series_of_pollutants(tmp_path):
    read = series(tmp_path, "date,pm25,pm10\n2024-12-01,150,100\n2024-12-02,250,90\n")
    assert read.aqi.tolist() == [200.0, 300.0]
    both = series(tmp_path, "date,station_id,pm25\n2024-12-01,a,100\n2024-12-01,b,200\n2024-12-02,a,250\n")
    assert both.aqi.tolist() == [200.0, 300.0]
    assert "1 to 2 stations" in both.notes[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("aqi\n3\n", "no column for the day"),
        ("date,aqi\nsoon,3\n", "line 2: date 'soon' is no day"),
        ("date,aqi\n2024-12-01,bad\n", "line 2: aqi 'bad' is no number"),
        ("date,aqi\n2024-12-01,999\n", "within 0 to 500"),
        ("date,aqi\n2024-12-01,9\n2024-12-01,9\n", "line 3: .*second row"),
        ("date,wind\n2024-12-01,9\n", "pollutant"),
        ("date,pm25\n2024-12-01,9\n2024-12-01,9\n", "several rows for a day"),
    ],
)
def test_series_that_are_none(tmp_path, text, said):
    with pytest.raises(InvalidInput, match=said):
        series(tmp_path, text)


def test_days_of_ozone_are_known(tmp_path):
    path = tmp_path / "summer.csv"
    path.write_text("date,pm25,o3_8h\n2024-07-01,30,230\n2024-07-02,160,120\n2024-07-03,20,150\n", "utf-8")
    # Above 100 (160 ug/m3) on the first day alone; the second is of PM2.5.
    assert read_series(path).ozone_days == [dt.date(2024, 7, 1)]
    path.write_text("日期,AQI,首要污染物\n2024-07-02,160,臭氧8小时\n2024-07-01,170,PM2.5\n2024-07-03,120,O3\n", "utf-8")
    assert read_series(path).ozone_days == [dt.date(2024, 7, 2), dt.date(2024, 7, 3)]
    path.write_text("date,aqi\n2024-07-01,170\n", "utf-8")
    assert read_series(path).ozone_days == []


def test_an_empty_series(tmp_path):
    with pytest.raises(MissingData, match="no day"):
        series(tmp_path, "date,aqi\n2024-12-01,\n")


def test_beijing_in_december_2016(shared_data):
    """Observed, the episode of 16 to 21 December 2016, for which the city called its red warning."""
    path = shared_data / "observations" / "beijing_12_stations_2013_2017.csv.gz"
    hours = pd.read_csv(path, low_memory=False).query("year == 2016 and month >= 11")
    time = pd.to_datetime(hours[["year", "month", "day", "hour"]]).dt.tz_localize("Asia/Shanghai")
    names = {"PM2.5": "pm25", "PM10": "pm10", "SO2": "so2", "NO2": "no2", "CO": "co", "O3": "o3"}
    numbers = hours[list(names)].apply(pd.to_numeric, errors="coerce")
    wide = numbers.assign(time=time, station_id=hours["station"], CO=numbers["CO"] / 1000.0)
    long = wide.rename(columns=names).melt(["station_id", "time"], list(names.values()), "pollutant").dropna()
    stations = pd.DataFrame({"id": hours["station"].unique(), "level": "national"})
    read = series_from_observations(long, empty(), stations)
    city = district_means(daily_means(long), pd.Series("city", index=stations["id"]))
    assert read.aqi.tolist() == daily_aqi(city)["aqi"].astype(float).tolist()
    (worst,) = (w for w in warnings_of(read.days, read.aqi, [SETS["2018"]], dated=False) if w.colour == "red")
    assert worst.start <= dt.date(2016, 12, 17)
    assert worst.end == dt.date(2016, 12, 21)
