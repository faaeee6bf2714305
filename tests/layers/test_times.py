import pandas as pd
import pytest

from geo.errors import InvalidInput
from layers.times import parse_dates, parse_times


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2024-05-01T08:00:00Z", "2024-05-01T08:00:00Z"),
        ("2024-05-01T08:00:00+08:00", "2024-05-01T00:00:00Z"),
        ("2024-05-01 08:00-0530", "2024-05-01T13:30:00Z"),
        ("2024/5/1 8:00", "2024-05-01T00:00:00Z"),
        ("2024年5月1日 8时", "2024-05-01T00:00:00Z"),
        ("2024年5月1日8时30分", "2024-05-01T00:30:00Z"),
        ("2024-05-01 24:00", "2024-05-01T16:00:00Z"),
        ("20240501", "2024-04-30T16:00:00Z"),
        ("5/1/2024 13:05", "2024-05-01T05:05:00Z"),
        ("45413.5", "2024-05-01T04:00:00Z"),
        ("２０２４-05-01", "2024-04-30T16:00:00Z"),
        ("2024-02-30", None),
        ("2024-05-01 25:00", None),
        ("2024-05-01 24:30", None),
        ("12", None),
        ("soon", None),
    ],
)
def test_a_time_in_each_way_that_tables_hold_it(text, utc):
    times, _ = parse_times(pd.Series([text]))
    assert times.dtype == "datetime64[ms, UTC]"
    assert pd.isna(times.iloc[0]) if utc is None else times.iloc[0] == pd.Timestamp(utc)


def test_what_was_assumed_is_said():
    times, notes = parse_times(pd.Series(["2024-05-01", "5/1/2024", "45413", None, "2024-05-01T00:00Z"]))
    assert times.isna().tolist() == [False, False, False, True, False]
    assert notes == [
        "3 times name no zone; taken as Asia/Shanghai",
        "1 times read as month/day/year",
        "1 times read as Excel serial numbers",
    ]
    with pytest.raises(InvalidInput, match="unknown time zone 'Mars/City'"):
        parse_times(pd.Series(["2024-05-01"]), "Mars/City")


def test_dates_are_the_citys_days():
    assert parse_dates(pd.Series(["2024-05-01T20:00Z", "2024/5/1"])).tolist() == ["2024-05-02", "2024-05-01"]
