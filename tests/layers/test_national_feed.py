"""Pivoted files of the national feed, and what goes wrong in them."""

import numpy as np
import pandas as pd
import pytest

from layers.observations import read_observations


def feed(hours: int, swapped: bool) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    one = pd.DataFrame(rng.uniform(10, 200, (hours, 2)).round(), columns=["1173A", "3008A"])
    eight = one.rolling(8, min_periods=6).mean().round()
    kinds = {"O3": eight, "O3_8h": one} if swapped else {"O3": one, "O3_8h": eight}
    kinds |= {"PM2.5": one + 1, "CO": one / 100, "AQI": one, "PM2.5_24h": one}
    times = pd.date_range("2021-10-20", periods=hours, freq="h")
    head = {"date": times.strftime("%Y%m%d"), "hour": times.hour.astype(str)}
    return pd.concat([pd.DataFrame({**head, "type": kind, **values}) for kind, values in kinds.items()])


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_national_feed_reads_and_its_ozone_is_put_right(tmp_path, swapped, encoding):
    path = tmp_path / "china_sites_20211020.csv"
    feed(60, swapped).to_csv(path, index=False, encoding=encoding)
    report = read_observations(path)
    right = feed(60, False)
    ozone = report.accepted[report.accepted["pollutant"] == "o3"].pivot(
        index="time", columns="station_id", values="value"
    )
    np.testing.assert_array_equal(ozone.to_numpy(), right[right["type"] == "O3"][["1173A", "3008A"]].to_numpy())
    assert ozone.index[0] == pd.Timestamp("2021-10-20T00:00+08:00")
    assert set(report.accepted["pollutant"]) == {"o3", "pm25", "co"}
    assert len(report.accepted) == 60 * 2 * 3
    left_out = f"types not used: AQI, {'O3' if swapped else 'O3_8h'}, PM2.5_24h"
    assert [note for note in report.notes if "no zone" not in note] == (
        ["the rows of 1-h and 8-h ozone are swapped in this file; they were put right"] if swapped else []
    ) + [left_out]


def test_gaps_and_wrong_cells_are_named_by_their_line(tmp_path):
    path = tmp_path / "f.csv"
    path.write_text("date,hour,type,1173A,3008A\n20211020,0,PM2.5,35,-;\n20211020,0,SO2,,x\n20211020,24,CO,0.5,-9999\n")
    report = read_observations(path, accept_good=True)
    assert report.accepted[["station_id", "pollutant", "value"]].values.tolist() == [
        ["1173A", "pm25", 35.0],
        ["1173A", "co", 0.5],
    ]
    assert report.accepted["time"].iloc[1] == pd.Timestamp("2021-10-21T00:00+08:00")
    assert report.rejected[["line", "value", "reason_en"]].values.tolist() == [[3, "x", "is not a number"]]
    assert report.gaps == 3


@pytest.mark.parametrize("written", ["2021-10-20 08:00", "2021/10/20 8:00", "10/20/2021 8:00", "44489.3333333"])
def test_every_spelling_of_a_time_is_the_same_hour(tmp_path, written):
    path = tmp_path / "o.csv"
    path.write_text(f"station_id,time,pm25\n3008A,{written},35\n")
    assert read_observations(path).accepted["time"].tolist() == [pd.Timestamp("2021-10-20T00:00Z")]


def test_a_station_that_kept_its_name_under_a_new_id_stays_two_stations(tmp_path):
    path = tmp_path / "o.csv"
    path.write_text(
        "站点编号,站点名称,时间,PM2.5\n2998A,胡沟管理处,2021-10-20 08:00,35\n3008A,胡沟管理处,2021-10-20 08:00,36\n"
    )
    rows = read_observations(path).accepted
    assert rows[["station_id", "value"]].values.tolist() == [["2998A", 35.0], ["3008A", 36.0]]
