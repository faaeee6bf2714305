"""The workspace: whole versions only, whatever happens; nothing gets in that does not belong."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely

from geo.errors import InvalidInput, SourceUnavailable
from layers.provenance import content_hash
from layers.store import LayerData, UnknownLayer, Workspace

EVIL = '"; DROP TABLE stations;--'


@pytest.fixture
def stations() -> gpd.GeoDataFrame:
    columns = {
        "id": ["s0", "s1", "s2", "s3"],
        "name": ["<img src=x onerror=alert(1)>", "连云港", None, "d'\""],
        "ok": [True, False, True, True],
        "maybe": pd.array([True, None, False, True], dtype="boolean"),
        "n": [1, 2, 3, 4],
        "holes": pd.array([1, None, 2**40, 4], dtype="Int64"),
        "x": [1.5, np.nan, np.inf, 1e-300],
        "time": pd.to_datetime(["2024-01-01T00:00:00.125Z", None, "2024-06-01T00:00:00Z", None], format="ISO8601"),
        "object": [{"b": 1, "a": [1]}, None, [1, 2], "text"],
        "empty": [None] * 4,
        EVIL: [1, 2, 3, 4],
        "fid": [9, 9, 9, 9],
    }
    return gpd.GeoDataFrame(columns, geometry=shapely.points([119.0, 119.1, 119.2, 119.3], 34.5), crs=4326)


def test_everything_comes_back_as_it_was(workspace, stations):
    (record,) = workspace.write({"stations": LayerData(stations, provenance={"process": "测试"}, note_zh="注")})
    back = workspace.read("stations")
    expected = stations.drop(columns="geometry").assign(
        object=pd.Series(['{"a": [1], "b": 1}', None, "[1, 2]", "text"], dtype="str"),
        empty=pd.Series([None] * 4, dtype="str"),
        time=stations["time"].dt.as_unit("ms"),
    )
    pd.testing.assert_frame_equal(pd.DataFrame(back.drop(columns="geometry")), pd.DataFrame(expected))
    assert shapely.equals(back.geometry.to_numpy(), stations.geometry.to_numpy()).all()
    assert back.crs == "EPSG:4326"
    assert workspace.record("stations") == record
    assert record.bbox == (119.0, 34.5, 119.3, 34.5)
    assert (record.count, record.geometry, record.kind, record.note_zh) == (4, "point", "vector", "注")
    assert (record.title_zh, record.title_en, record.provenance) == (
        "监测站点",
        "Monitoring stations",
        {"process": "测试"},
    )
    assert record.content_hash == content_hash(back)


def test_other_programs_open_the_package_as_it_is(embedded, stations):
    zones = gpd.GeoDataFrame({"plant": ["a"]}, geometry=[shapely.box(119, 34, 120, 35)], crs=4326)
    embedded.write({"stations": LayerData(stations), "heating_zones": LayerData(zones)})
    there = {name: kind for name, kind in pyogrio.list_layers(embedded.gpkg)}
    assert there == {"stations": "Point", "heating_zones": "Polygon", "suyuan_layers": None}
    direct = pyogrio.read_dataframe(embedded.gpkg, layer="stations")
    assert direct["name"].tolist()[:2] == stations["name"].tolist()[:2]
    info = pyogrio.read_info(embedded.gpkg, layer="stations")
    assert info["crs"] == "EPSG:4326"
    assert info["capabilities"]["fast_spatial_filter"]
    with sqlite3.connect(embedded.gpkg) as base:
        assert base.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert base.execute("SELECT id, count FROM suyuan_layers ORDER BY id").fetchall() == [
            ("heating_zones", 1),
            ("stations", 4),
        ]
    base.close()
    embedded.delete("stations")
    assert [name for name, _ in pyogrio.list_layers(embedded.gpkg)] == ["heating_zones", "suyuan_layers"]


def test_pages_are_stable_and_the_box_is_exact(workspace):
    rng = np.random.default_rng(1)
    centres = rng.uniform((118, 33), (120, 35), (400, 2))
    discs = shapely.buffer(shapely.points(centres), rng.uniform(0.01, 0.2, 400))
    zones = gpd.GeoDataFrame({"zone_id": [str(i) for i in range(400)]}, geometry=discs, crs=4326)
    points = gpd.GeoDataFrame({"name": [str(i) for i in range(400)]}, geometry=shapely.points(centres), crs=4326)
    workspace.write({"heating_zones": LayerData(zones), "parks": LayerData(points)})
    for layer, frame in (("heating_zones", zones), ("parks", points)):
        for _ in range(10):
            west, south = rng.uniform((118, 33), (119.5, 34.5))
            box = (west, south, west + rng.uniform(0, 0.5), south + rng.uniform(0, 0.5))
            expected = frame[frame.intersects(shapely.box(*box))].iloc[:, 0].tolist()
            assert workspace.read(layer, bbox=box).iloc[:, 0].tolist() == expected
            assert workspace.count(layer, box) == len(expected)
            assert workspace.read(layer, bbox=box, limit=3, offset=2).iloc[:, 0].tolist() == expected[2:5]
    exact = (*centres[7], *centres[7])
    assert "7" in workspace.read("parks", bbox=exact)["name"].tolist()
    assert workspace.read("parks", limit=2, offset=399)["name"].tolist() == ["399"]
    assert workspace.count("parks") == 400


@pytest.mark.parametrize("bbox", [(1, 2, 3), (120, 34, 119, 35), (119, 35, 120, 34), (float("nan"), 0, 1, 1), "abcd"])
def test_a_box_that_makes_no_sense_is_refused(workspace, stations, bbox):
    workspace.write({"stations": LayerData(stations)})
    with pytest.raises(InvalidInput, match="bbox"):
        workspace.read("stations", bbox=bbox)


def test_nothing_there_says_what_to_do(workspace, stations):
    with pytest.raises(InvalidInput, match=r"no workspace at .*layers add"):
        workspace.records()
    workspace.write({"stations": LayerData(stations)})
    with pytest.raises(UnknownLayer, match=r"no layer 'parks' in .*; layers here: stations"):
        workspace.read("parks")
    with pytest.raises(InvalidInput, match="must not be negative"):
        workspace.read("stations", limit=-1)


def test_a_file_is_no_workspace(tmp_path, stations):
    blocked = tmp_path / "file"
    blocked.write_text("x")
    with pytest.raises(InvalidInput, match="is a file; give a folder"):
        Workspace(blocked).write({"stations": LayerData(stations)})


@pytest.mark.parametrize(
    "layer", ["../x", "Stations", "gpkg_contents", "suyuan_layers", 'a"b', "a b", "", "9a", "x" * 64]
)
def test_no_layer_id_can_reach_elsewhere(workspace, stations, state, layer):
    workspace.write({"stations": LayerData(stations)})
    before = state(workspace)
    with pytest.raises(InvalidInput, match="bad layer id"):
        workspace.write({"parks": LayerData(stations), layer: LayerData(stations, schema="stations")})
    with pytest.raises(UnknownLayer):
        workspace.read(layer)
    with pytest.raises(UnknownLayer):
        workspace.delete(layer)
    assert state(workspace) == before


def test_bad_frames_leave_the_store_as_it_was(workspace, stations, state):
    workspace.write({"stations": LayerData(stations)})
    before = state(workspace)
    naive = stations.assign(time=stations["time"].dt.tz_localize(None))
    bad = {
        "no zone": naive,
        "needs a coordinate reference system": stations.set_crs(None, allow_override=True),
        "two columns are called": stations.assign(NAME=1),
        "needs a GeoDataFrame": pd.DataFrame({"a": [1]}),
    }
    for message, frame in bad.items():
        with pytest.raises(InvalidInput, match=message):
            workspace.write({"stations": LayerData(frame)})
    with pytest.raises(UnknownLayer, match="unknown layer 'what'"):
        workspace.write({"x": LayerData(stations, schema="what")})
    assert state(workspace) == before


def test_layers_are_replaced_deleted_and_named_freely(workspace, stations):
    workspace.write({"stations": LayerData(stations), "hotspots_pm25": LayerData(stations, schema="hotspots")})
    workspace.write({"stations": LayerData(stations.iloc[:1], synthetic=True)})
    assert workspace.count("stations") == 1
    assert workspace.record("stations").synthetic
    assert workspace.record("hotspots_pm25").schema == "hotspots"
    workspace.delete("stations")
    assert [record.id for record in workspace.records()] == ["hotspots_pm25"]
    workspace.write({"stations": LayerData(stations)})
    assert workspace.read("stations", bbox=(119.05, 34, 119.15, 35))["id"].tolist() == ["s1"]


def test_empty_layers_mixed_geometry_and_other_reference_systems(workspace, stations):
    mixed = gpd.GeoDataFrame(
        {"name": ["p", "q", "r"]}, geometry=[shapely.Point(119, 34), shapely.box(0, 0, 1, 1), None], crs=4326
    )
    multi = gpd.GeoDataFrame(
        {"name": ["a", "b"]},
        geometry=[shapely.box(0, 0, 1, 1), shapely.MultiPolygon([shapely.box(2, 2, 3, 3)])],
        crs=4326,
    )
    workspace.write(
        {"stations": LayerData(stations.iloc[:0]), "parks": LayerData(mixed), "districts": LayerData(multi)}
    )
    empty = workspace.read("stations")
    assert len(empty) == 0
    assert list(empty.columns) == list(stations.columns)
    assert len(workspace.read("stations", bbox=(0, 0, 1, 1))) == 0
    assert workspace.record("stations").geometry == "none"
    assert workspace.record("parks").geometry == "mixed"
    assert workspace.read("parks").geometry.isna().tolist() == [False, False, True]
    assert set(workspace.read("districts").geom_type) == {"MultiPolygon"}
    assert workspace.record("districts").content_hash == content_hash(workspace.read("districts"))
    workspace.write({"parks": LayerData(mixed.iloc[:1].to_crs(4549))})
    assert workspace.read("parks").geometry.iloc[0].distance(shapely.Point(119, 34)) < 1e-9


def test_a_synthetic_row_marks_the_layer(workspace, stations):
    marked = stations.assign(synthetic=[False, False, True, None])
    assert workspace.write({"stations": LayerData(marked)})[0].synthetic
    assert not workspace.write({"stations": LayerData(stations.assign(synthetic=False))})[0].synthetic


def test_a_damaged_file_is_one_clear_line(embedded, stations):
    embedded.write({"stations": LayerData(stations)})
    embedded.gpkg.write_bytes(b"this is not a database, whatever its name says" * 30)
    for act in (embedded.records, lambda: embedded.write({"stations": LayerData(stations)})):
        with pytest.raises(SourceUnavailable, match="layers.gpkg"):
            act()


def test_an_editor_that_holds_the_file_keeps_the_writer_out(embedded, stations):
    embedded.write({"stations": LayerData(stations)})
    editor = sqlite3.connect(embedded.gpkg)
    editor.execute("PRAGMA journal_mode=WAL")
    editor.execute("CREATE TABLE scratch (a)")
    editor.commit()
    with pytest.raises(SourceUnavailable, match="another program is editing it"):
        embedded.write({"parks": LayerData(stations)})
    editor.close()
    embedded.write({"parks": LayerData(stations)})
    assert {record.id for record in embedded.records()} == {"parks", "stations"}


@pytest.mark.parametrize("gone", [None, 1, 4, 10])
def test_a_page_begins_at_its_place_also_where_an_editor_left_a_gap(embedded, gone):
    names = [str(n) for n in range(1, 11)]
    points = gpd.GeoDataFrame({"name": names}, geometry=shapely.points(np.full((10, 2), 35.0)), crs=4326)
    embedded.write({"parks": LayerData(points)})
    if gone is not None:
        with sqlite3.connect(embedded.gpkg) as editor:
            editor.execute('DELETE FROM "parks" WHERE suyuan_fid = ?', (gone,))
        editor.close()
        names.remove(str(gone))
    for offset in (0, 1, 4, 8):
        assert embedded.read("parks", limit=3, offset=offset)["name"].tolist() == names[offset : offset + 3]


def test_leftovers_of_a_stopped_writer_are_removed(embedded, stations):
    embedded.write({"stations": LayerData(stations)})
    left = [embedded.path / ".writing-1-ab.gpkg", embedded.path / ".writing-1-ab.gpkg-journal"]
    for path in left:
        path.write_bytes(b"half")
    Workspace(embedded.path)
    assert not any(path.exists() for path in left)
    assert embedded.count("stations") == 4


def test_two_writers_do_not_lose_each_others_work(open_store, workspace, stations):
    def write(name):
        other = open_store()
        for _ in range(4):
            other.write({name: LayerData(stations, schema="stations")})

    threads = [threading.Thread(target=write, args=(f"layer_{i}",)) for i in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        for record in workspace.records() if workspace.exists() else ():
            assert len(workspace.read(record.id)) == 4
    assert [record.id for record in workspace.records()] == ["layer_0", "layer_1", "layer_2"]


WRITER = """
import sys, geopandas, shapely
from layers.store import LayerData, Workspace
workspace = Workspace(sys.argv[1])
version = int(sys.argv[2])
while True:
    version += 1
    points = shapely.points([[119 + i / 1000, 34] for i in range(300)])
    frame = geopandas.GeoDataFrame({"version": [version] * 300}, geometry=points, crs=4326)
    workspace.write({"hotspots": LayerData(frame), "hotspots_b": LayerData(frame, schema="hotspots")})
    print("written", flush=True)
"""


def test_a_writer_killed_at_any_moment_leaves_the_old_or_the_new_version(tmp_path, root):
    folder = tmp_path / "w"
    rng = np.random.default_rng(7)
    script = tmp_path / "writer.py"
    script.write_text(textwrap.dedent(WRITER))
    seen = [0]
    for _ in range(4):
        environment = {**os.environ, "PYTHONPATH": str(root)}
        arguments = [sys.executable, str(script), str(folder), str(seen[-1])]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment) as writer:
            assert writer.stdout is not None
            # One version at least, however busy the machine is; then any moment of the next ones.
            assert writer.stdout.readline() == b"written\n"
            time.sleep(rng.uniform(0.05, 0.4))
            writer.send_signal(signal.SIGKILL)
        workspace = Workspace(folder)
        one, two = workspace.read("hotspots"), workspace.read("hotspots_b")
        assert len(one) == len(two) == 300
        versions = {*one["version"], *two["version"]}
        assert len(versions) == 1
        seen.append(versions.pop())
        assert seen[-1] >= seen[-2]
        with sqlite3.connect(workspace.gpkg) as base:
            assert base.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        base.close()
        assert not list(folder.glob(".writing-*"))
    assert seen[-1] >= 4
