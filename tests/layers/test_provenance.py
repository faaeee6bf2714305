import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geo.errors import InvalidInput, SourceUnavailable
from layers.provenance import content_hash, provenance


def frame(**columns) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=shapely.points([[119, 34], [120, 35]]), crs=4326)


def test_a_hash_depends_on_content_and_on_nothing_else(tmp_path):
    one = frame(a=[1, 2], b=["x", None], c=[True, False], d=[1.5, np.nan])
    same = frame(
        a=pd.array([1, 2], dtype="Int64"),
        b=pd.Series(["x", np.nan], dtype="str"),
        c=pd.array([True, False], dtype="boolean"),
        d=[1.5, None],
    ).set_index(pd.Index([7, 3]))
    assert content_hash(one) == content_hash(same)
    moved = one.set_geometry(shapely.points([[119, 34], [120, 35.0000001]]))
    others = [moved, one.iloc[::-1], one.rename(columns={"a": "z"}), one.assign(d=[1.5, 0.0]), one.assign(b=["x", ""])]
    assert len({content_hash(other) for other in (one, *others)}) == 6
    assert content_hash(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    (tmp_path / "a").write_bytes(b"abc")
    assert content_hash(tmp_path / "a") == content_hash(b"abc")
    with pytest.raises(SourceUnavailable, match="cannot read"):
        content_hash(tmp_path / "b")


def test_the_record_is_json_and_equal_for_equal_runs(tmp_path):
    (tmp_path / "in.csv").write_bytes(b"abc")
    inputs = {"file": tmp_path / "in.csv", "hash": "00", "table": frame(a=[1, 2])}
    parameters = {"time": pd.Timestamp("2024-05-01T00:00Z"), "n": np.int64(3), "set": {"b", "a"}, "path": tmp_path}
    record = provenance("test", inputs, parameters, seed=1, warnings=["w"])
    assert record == provenance("test", inputs, parameters, seed=1, warnings=["w"])
    again = json.loads(json.dumps(record))
    assert again["inputs"][0] == {"id": "file", "sha256": content_hash(b"abc")}
    assert again["parameters"]["time"] == "2024-05-01T00:00:00+00:00"
    assert again["parameters"]["set"] == ["a", "b"]
    assert (again["seed"], again["warnings"]) == (1, ["w"])
    assert {"suyuan", "python", "numpy", "gdal", "proj"} <= set(again["versions"])
    with pytest.raises(InvalidInput, match="name of the process"):
        provenance("")
