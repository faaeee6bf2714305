"""Who must be watched and is not: the rules at their limits, and what a ledger leaves open."""

import geopandas as gpd
import pandas as pd
import pytest

from geo.errors import InvalidInput
from layers.unmonitored import unmonitored_sites, unmonitored_stacks


def frame(**columns) -> gpd.GeoDataFrame:
    count = len(next(iter(columns.values())))
    points = gpd.points_from_xy([119.0 + i / 100 for i in range(count)], [34.0] * count)
    return gpd.GeoDataFrame(columns, geometry=points, crs=4326)


def test_sites_of_5000_m2_need_monitor_and_video():
    sites = frame(
        name=list("abcdefgh"),
        area_m2=[5000.0, 4999.9, 6000, 6000, 6000, 6000, None, 9000],
        online_monitor=pd.array([True, False, True, False, None, True, False, True], dtype="boolean"),
        video=pd.array([True, False, False, True, None, None, False, True], dtype="boolean"),
        valid_from=["2021-10-01"] * 8,
    )
    found = unmonitored_sites(sites)
    assert found[["name", "lacking"]].values.tolist() == [
        ["c", "video"],
        ["d", "monitor"],
        ["e", "both"],
        ["f", "video"],
    ]
    assert found["reason"].iloc[2] == (
        "占地 6000 m2，不少于 5000 m2，在线监测台账未填，视频监控台账未填 / "
        "6000 m2, 5000 m2 or more; online monitor not said in the ledger, video not said in the ledger"
    )
    assert found["valid_from"].tolist() == ["2021-10-01"] * 4
    assert found.geometry.iloc[0].equals(sites.geometry.iloc[2])


def test_without_the_columns_every_large_site_lacks_both():
    assert unmonitored_sites(frame(area_m2=[5000.0, 10.0]))["lacking"].tolist() == ["both"]
    assert unmonitored_sites(frame(area_m2=[10.0])).empty
    with pytest.raises(InvalidInput, match="construction_sites: column area_m2 is missing"):
        unmonitored_sites(frame(name=["a"]))


def test_outlets_above_45_m_need_a_monitor():
    sources = frame(
        name=list("abcde"),
        stack_height_m=[45.0, 45.1, 100.0, 80.0, None],
        online_monitor=pd.array([False, False, True, None, False], dtype="boolean"),
    )
    found = unmonitored_stacks(sources)
    assert found["name"].tolist() == ["b", "d"]
    assert found["reason"].iloc[0] == (
        "排气口高 45.1 m，高于 45 m，在线监测未装 / outlet at 45.1 m, above 45 m; online monitor missing"
    )
    with pytest.raises(InvalidInput, match="emission_sources: column stack_height_m is missing"):
        unmonitored_stacks(frame(name=["a"]))
