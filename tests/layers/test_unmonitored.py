"""Who must be watched and is not: the rules at their limits, and what a ledger leaves open."""

import geopandas as gpd
import pandas as pd
import pytest

from geo.errors import InvalidInput
from layers.catalogue import get_schema
from layers.ingest import ingest
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


def test_an_emission_ledger_in_chinese_is_understood(tmp_path):
    path = tmp_path / "e.csv"
    head = "排口编号,企业名称,行业,绩效等级,是否豁免,烟囱高度（米）,SO2排放量(千克/年),在线监测,经度,纬度\n"
    path.write_text(head + "DA001,甲,钢铁,B级,否,60,1500,否,119.2,34.6\n", encoding="gb18030")
    (row,) = ingest(path, get_schema("emission_sources")).accepted.to_dict(orient="records")
    assert (row["id"], row["grade"], row["exempt"], row["stack_height_m"], row["so2_t_a"], row["online_monitor"]) == (
        "DA001", "B", False, 60.0, 1.5, False,
    )  # fmt: skip
