"""24-h means that begin at any hour: by hand, and the same as days where the hours follow the calendar."""

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from geo.errors import InvalidInput, MissingData
from layers.rolling_warnings import is_hourly, read_hourly_series, rolling_series, rolling_warnings
from layers.warning_rules import choose, load_rule_sets, warnings_of

SETS = {one.id: one for one in load_rule_sets()}


def hours(values: list[float], begin: str = "2024-12-01T00:00+08:00") -> pd.DataFrame:
    index = pd.date_range(begin, periods=len(values), freq="h").tz_convert("Asia/Shanghai")
    return pd.DataFrame({"aqi": values}, index=index)


def test_an_episode_that_crosses_midnight_is_seen() -> None:
    # 24 hours of 240 from noon to noon: each calendar day has a mean of 145 or 150, a mean of 24 hours reaches 240.
    series = rolling_series(hours([50.0] * 12 + [240.0] * 24 + [50.0] * 24))
    (warning,) = rolling_warnings(series, [SETS["2024"]])
    assert (warning.colour, warning.hours) == ("yellow", warning.hours)
    # Means above 200 begin from 12 - 5 to 12 + 5 o'clock: 24 v is above 200 with 19 hours of 240 and 5 of 50.
    assert warning.since == pd.Timestamp("2024-12-01T07:00+08:00")
    assert warning.until == pd.Timestamp("2024-12-02T17:00+08:00")
    assert warning.peak_aqi == 240.0
    days = rolling_series(hours([50.0] * 12 + [240.0] * 24 + [50.0] * 24)).aqi[::24]
    assert not warnings_of([dt.date(2024, 12, 1), dt.date(2024, 12, 2)], days, [SETS["2024"]])


@pytest.mark.parametrize("rules", ["2018", "2024"])
def test_whole_days_give_what_days_give(rules: str) -> None:
    rng = np.random.default_rng(5)
    daily = rng.choice([80.0, 160.0, 210.0, 320.0], 40, p=[0.4, 0.2, 0.25, 0.15])
    days = [dt.date(2024, 11, 1) + dt.timedelta(days=n) for n in range(40)]
    by_day = warnings_of(days, daily, [SETS[rules]], dated=False)
    series = rolling_series(hours(list(np.repeat(daily, 24)), "2024-11-01T00:00+08:00"))
    by_hour = rolling_warnings(series, [SETS[rules]], dated=False)
    # Windows that cross midnight can only add: each day's warning lies within one that is as grave or graver.
    order = ("yellow", "orange", "red")
    for one in by_day:
        begin = pd.Timestamp(one.start, tz="Asia/Shanghai")
        holding = [w for w in by_hour if w.since <= begin < w.until]
        assert holding
        assert order.index(holding[0].colour) >= order.index(one.colour)


def test_an_episode_over_the_day_of_new_rules() -> None:
    series = rolling_series(hours([180.0] * 24 * 6 + [50.0] * 24, "2023-12-29T00:00+08:00"))
    (warning,) = rolling_warnings(series, list(SETS.values()))
    assert (warning.rule_set.id, warning.colour) == ("2024", "orange")
    assert warning.since == pd.Timestamp("2024-01-01T00:00+08:00")


def test_hours_of_ozone_are_known() -> None:
    index = pd.date_range("2024-07-01T00:00+08:00", periods=48, freq="h")
    values = pd.DataFrame({"pm25": 20.0, "o3": np.r_[np.full(24, 230.0), np.full(24, 40.0)]}, index=index)
    assert rolling_series(values).ozone_days == [dt.date(2024, 7, 1)]


def test_gaps_and_validity() -> None:
    values = [210.0] * 24
    assert rolling_series(hours([np.nan] * 4 + values[:20])).aqi.tolist() == [210.0]
    with pytest.raises(MissingData, match="20 values"):
        rolling_series(hours([np.nan] * 5 + values[:19]))
    with pytest.raises(MissingData, match="23 hours"):
        rolling_series(hours(values[:23]))


def test_pollutants_by_hand() -> None:
    index = pd.date_range("2024-12-01T00:00+08:00", periods=24, freq="h").tz_convert("Asia/Shanghai")
    table = pd.DataFrame({"pm25": 150.0, "o3": 160.0}, index=index)
    # PM2.5 150 ug/m3 is IAQI 200; ozone 160 over 8 h is 100.
    assert rolling_series(table).aqi.tolist() == [200.0]


def test_tables(tmp_path: Path) -> None:
    path = tmp_path / "预报.csv"
    lines = [f"2024-12-0{1 + h // 24} {h % 24:02d}:00,{210 if h < 30 else 90}" for h in range(48)]
    path.write_bytes("\n".join(["时间,AQI", *lines]).encode("gb18030"))
    assert is_hourly(path)
    found = rolling_warnings(read_hourly_series(path), choose(load_rule_sets(), "auto", ""))
    assert [one.colour for one in found] == ["yellow"]
    (tmp_path / "days.csv").write_text("date,aqi\n2024-12-01,210\n", "utf-8")
    assert not is_hourly(tmp_path / "days.csv")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("date,aqi\n2024-12-01,1\n", "no column for the hour"),
        ("time,x\n2024-12-01T00:00,1\n", "neither aqi"),
        ("time,aqi\nnever,1\n", "no time"),
        ("time,aqi\n2024-12-01T00:00,900\n", "no value"),
        ("time,aqi\n2024-12-01T00:00,abc\n", "no value"),
    ],
)
def test_bad_tables(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(InvalidInput, match=said):
        read_hourly_series(path)
