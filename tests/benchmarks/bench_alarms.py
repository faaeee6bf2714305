"""Alarms of a city's year and of a country's month: time, memory, and how many mirror alarms real air raises.

``make bench ONLY=alarms`` runs it; it prints and writes nothing.
"""

import resource
import sys
import time

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from tracing.alarms import OFFSETS, find_alarms

LIMIT_S = {(100, 365): 60.0, (1500, 60): 180.0}


def say(text: str) -> None:
    sys.stdout.write(f"\n{text}\n")


def places(n: int) -> gpd.GeoDataFrame:
    rng = np.random.default_rng(1)
    points = gpd.points_from_xy(rng.uniform(118.4, 119.8, n), rng.uniform(34.0, 35.1, n))
    return gpd.GeoDataFrame({"id": [f"s{k}" for k in range(n)]}, geometry=points, crs=4326)


def hourly(n: int, days: int) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    values = np.exp(3.5 + rng.normal(0.0, 0.5, (24 * days, 1)) + 0.3 * rng.normal(size=(24 * days, n)))
    times = pd.date_range("2024-01-01", periods=24 * days, freq="h", tz="UTC")
    wide = pd.DataFrame(values, index=times, columns=[f"s{k}" for k in range(n)]).rename_axis("time").reset_index()
    return wide.melt("time", var_name="station_id", value_name="value")


@pytest.mark.bench
@pytest.mark.parametrize(("n", "days"), [(20, 60), (100, 365), (1500, 60)])
def test_alarms_of_many_hours(n, days):
    find_alarms(hourly(12, 12), places(12))
    table, where = hourly(n, days), places(n)
    began = time.perf_counter()
    found = find_alarms(table, where)
    taken = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    say(
        f"alarms, {n} places x {days} days ({len(table):,} values): {taken:.1f} s, peak {used:.2f} GiB; "
        f"{found.false_alarms.alarms} alarms, {found.false_alarms.mirror} mirror alarms"
    )
    assert taken < LIMIT_S.get((n, days), 30.0)
    assert used < 4.0


@pytest.mark.bench
@pytest.mark.parametrize("pollutant", OFFSETS)
def test_alarms_and_mirror_alarms_of_beijing(pollutant, shared_data):
    folder = shared_data / "observations"
    raw = pd.read_csv(folder / "beijing_12_stations_2013_2017.csv.gz", low_memory=False)
    raw["time"] = pd.to_datetime(raw[["year", "month", "day", "hour"]]).dt.tz_localize("Asia/Shanghai")
    column = {"pm25": "PM2.5"}.get(pollutant, pollutant.upper())
    values = pd.to_numeric(raw[column], errors="coerce") * (0.001 if pollutant == "co" else 1.0)
    rows = pd.DataFrame({"station_id": raw["station"], "time": raw["time"], "value": values})
    where = places(12).assign(id=sorted(rows["station_id"].unique()))
    chance = find_alarms(rows, where, pollutant=pollutant).false_alarms
    say(
        f"Beijing, 12 stations, 4 years, {pollutant}: {chance.alarms} alarms, {chance.mirror} mirror alarms "
        f"({100 * chance.mirror / chance.alarms:.0f} %), {chance.per_place_month:.2f} a place and month"
    )
    # A source can only add: there may be far fewer mirror alarms, hardly more; of ozone more, where fresh NO eats it.
    assert chance.mirror < 1.5 * chance.alarms
