"""The shared store: the same answers as the folder, tables that other programs open, one writer at a time."""

import secrets
import subprocess
import sys
import threading
import time

import geopandas as gpd
import numpy as np
import pandas as pd
import psycopg
import pytest
import shapely

from geo.errors import InvalidInput, SourceUnavailable
from layers import postgis_lock
from layers.add import add_file
from layers.provenance import content_hash
from layers.store import LayerData, Workspace
from layers.store_files import LocalFiles
from layers.store_remote import RemoteFiles, open_files
from layers.stores import open_workspace

LONG = "污染防治措施落实情况说明与整改要求一览表备注"
ODD = ("x" * 70, LONG, 'a"b', "100%", "xmin", "suyuan_fid_", "{0} :x %(y)s", " ")


@pytest.fixture
def schema() -> str:
    return f"t_{secrets.token_hex(6)}"


@pytest.fixture
def shared(postgis_url, tmp_path, schema) -> Workspace:
    return open_workspace(tmp_path / "files", postgis_url, None, schema)


def frames() -> dict[str, gpd.GeoDataFrame]:
    rng = np.random.default_rng(3)
    count = 200
    columns = {
        "name": [None if i % 7 == 0 else f"站{i}\t\\N\n'\"" for i in range(count)],
        "n": pd.array([None if i % 5 == 0 else i * 2**50 for i in range(count)], dtype="Int64"),
        "x": np.where(rng.random(count) < 0.1, np.nan, rng.normal(size=count) * 10.0 ** rng.integers(-300, 300, count)),
        "extreme": np.resize([np.inf, -np.inf, -0.0, 5e-324, 1.7976931348623157e308], count),
        "ok": pd.array([None if i % 3 == 0 else i % 2 == 0 for i in range(count)], dtype="boolean"),
        "time": pd.to_datetime(rng.integers(0, 2**41, count), unit="ms", utc=True),
        **{name: [f"{name}{i}" for i in range(count)] for name in ODD},
    }
    centres = rng.uniform((118, 33), (120, 35), (count, 2))
    discs = shapely.buffer(shapely.points(centres), rng.uniform(0.01, 0.2, count))
    points = gpd.GeoDataFrame(columns, geometry=shapely.points(centres), crs=4326)
    mixed = np.array([shapely.Point(1, 2), None, shapely.box(0, 0, 1, 1), shapely.Point(), shapely.LineString()])
    height = shapely.points(np.column_stack([centres, rng.normal(size=count)]))
    return {
        "stations": points,
        "heating_zones": points.set_geometry(gpd.GeoSeries(discs, crs=4326)),
        "parks": gpd.GeoDataFrame({"name": list("abcde")}, geometry=mixed, crs=4326),
        "boilers": points.set_geometry(gpd.GeoSeries(height, crs=4326)),
        "districts": gpd.GeoDataFrame({"name": ["a", "b"]}, geometry=[height[0], centres_point(centres)], crs=4326),
        "fire_points": points.iloc[:0],
    }


def centres_point(centres: np.ndarray) -> shapely.Point:
    return shapely.Point(centres[0])


def test_both_stores_give_the_same_bytes(tmp_path, shared):
    folder = Workspace(tmp_path / "w")
    layers = {name: LayerData(frame) for name, frame in frames().items()}
    one, two = folder.write(layers), shared.write(layers)
    assert [record.content_hash for record in one] == [record.content_hash for record in two]
    rng = np.random.default_rng(5)
    boxes = [None]
    for _ in range(12):
        west, south = rng.uniform((118, 33), (120, 35))
        boxes.append((west, south, west + rng.uniform(0, 0.5), south + rng.uniform(0, 0.5)))
    exact = frames()["stations"].geometry.iloc[4]
    for name in layers:
        for box in [*boxes, (exact.x, exact.y, exact.x, exact.y)]:
            left, right = folder.read(name, bbox=box), shared.read(name, bbox=box)
            one, two = (pd.DataFrame(frame.drop(columns="geometry")) for frame in (left, right))
            pd.testing.assert_frame_equal(one, two, check_exact=True)
            assert left.geometry.to_wkb().tolist() == right.geometry.to_wkb().tolist()
            srids = [shapely.get_srid(frame.geometry.to_numpy()).tolist() for frame in (left, right)]
            assert srids[0] == srids[1]
            assert folder.count(name, box) == shared.count(name, box) == len(left)
        assert content_hash(shared.read(name)) == shared.record(name).content_hash
        page = {"limit": 7, "offset": 3}
        assert content_hash(folder.read(name, **page)) == content_hash(shared.read(name, **page))


def test_gis_programs_find_type_reference_system_key_and_index(shared, schema, postgis_url):
    shared.write({name: LayerData(frame) for name, frame in frames().items()})
    query = (
        "SELECT f_table_name, type, coord_dimension, srid FROM geometry_columns WHERE f_table_schema = %s ORDER BY 1"
    )
    with psycopg.connect(postgis_url) as base:
        assert base.execute(query, [schema]).fetchall() == [
            ("boilers", "POINT", 3, 4326),
            ("districts", "GEOMETRY", 2, 4326),
            ("fire_points", "GEOMETRY", 2, 4326),
            ("heating_zones", "POLYGON", 2, 4326),
            ("parks", "GEOMETRY", 2, 4326),
            ("stations", "POINT", 2, 4326),
        ]
        keys = "SELECT count(*) FROM pg_indexes WHERE schemaname = %s AND indexname LIKE '%%pkey'"
        assert base.execute(keys, [schema]).fetchone() == (9,)
        spatial = "SELECT count(*) FROM pg_indexes WHERE schemaname = %s AND indexdef LIKE '%%USING gist%%'"
        assert base.execute(spatial, [schema]).fetchone() == (6,)
        names = f'SELECT name, "100%%" FROM {schema}.stations ORDER BY suyuan_fid LIMIT 1 OFFSET 1'
        assert base.execute(names, []).fetchone() == ("站1\t\\N\n'\"", "100%1")
        described = f"SELECT obj_description('{schema}.stations'::regclass)"
        assert base.execute(described).fetchone() == ("监测站点 / Monitoring stations",)


def test_a_reader_sees_one_whole_version_while_columns_change(shared, postgis_url, tmp_path, schema):
    def version(number: int) -> LayerData:
        points = shapely.points(np.full((50, 2), (119.0, 34.0)))
        columns = {f"c{number % 3}": [number] * 50, "version": [number] * 50}
        return LayerData(gpd.GeoDataFrame(columns, geometry=points, crs=4326), schema="hotspots")

    shared.write({"hotspots": version(0)})
    stop = threading.Event()

    def write() -> None:
        other = open_workspace(tmp_path / "files", postgis_url, None, schema)
        for number in range(1, 15):
            other.write({"hotspots": version(number)})
        stop.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = []
    while not stop.is_set():
        frame = shared.read("hotspots")
        number = int(frame["version"].iloc[0])
        assert len(frame) == 50
        assert set(frame["version"]) == {number}
        assert list(frame.columns) == [f"c{number % 3}", "version", "geometry"]
        seen.append(number)
    writer.join()
    assert seen == sorted(seen)


HOLDER = """
import sys
from layers.stores import open_workspace
workspace = open_workspace(sys.argv[1], sys.argv[2], None, sys.argv[3])
with workspace.transaction():
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_a_writer_waits_for_another_and_a_killed_one_keeps_nobody_waiting(shared, postgis_url, tmp_path, schema, root):
    data = {"parks": LayerData(frames()["parks"])}
    arguments = [sys.executable, "-c", HOLDER, str(tmp_path / "files"), postgis_url, schema]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        done = threading.Thread(target=shared.write, args=(data,))
        done.start()
        time.sleep(0.3)
        assert done.is_alive()
        assert shared.records() == []
        holder.kill()
    done.join(timeout=10)
    assert not done.is_alive()
    assert [record.id for record in shared.records()] == ["parks"]


def test_opening_the_store_again_while_writing_keeps_no_lock_behind(shared, postgis_url, tmp_path, schema):
    shared.write({"parks": LayerData(frames()["parks"])})
    with shared.transaction():
        open_workspace(tmp_path / "files", postgis_url, None, schema)
    with psycopg.connect(postgis_url) as base:
        query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
        assert base.execute(query).fetchone() == (0,)


def test_a_writer_that_waits_too_long_says_so(shared, postgis_url, tmp_path, schema, monkeypatch):
    monkeypatch.setattr(postgis_lock, "LOCK_SECONDS", 0.2)
    shared.write({"parks": LayerData(frames()["parks"])})
    failed = []

    def write() -> None:
        try:
            open_workspace(tmp_path / "files", postgis_url, None, schema).write({})
            with open_workspace(tmp_path / "files", postgis_url, None, schema).transaction():
                pass
        except SourceUnavailable as error:
            failed.append(str(error))

    with shared.transaction():
        other = threading.Thread(target=write)
        other.start()
        other.join()
    assert len(failed) == 1
    assert "another program is writing" in failed[0]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("53100", "disk is full; nothing was changed"),
        ("57014", "stopped the work"),
        ("42501", "may not do this"),
        ("0A000", "install PostGIS"),
    ],
)
def test_what_the_database_refuses_is_one_clear_line_and_nothing_is_lost(
    shared, postgis_url, schema, state, caplog, code, message
):
    shared.write({"parks": LayerData(frames()["parks"])})
    before = state(shared)
    with psycopg.connect(postgis_url, autocommit=True) as base:
        base.execute(
            f"CREATE FUNCTION {schema}.refuse() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '{code}'; END $$"
        )
        base.execute(
            f"CREATE TRIGGER refuse BEFORE INSERT ON {schema}.suyuan_layers EXECUTE FUNCTION {schema}.refuse()"
        )
    with pytest.raises(SourceUnavailable, match=f"could not extend file.*{message}"):
        shared.write({"stations": LayerData(frames()["stations"])})
    assert state(shared) == before
    assert tables(postgis_url, schema) == ["parks", "suyuan_layers", "suyuan_store", "suyuan_versions"]


def tables(url: str, schema: str) -> list[str]:
    with psycopg.connect(url) as base:
        query = "SELECT table_name FROM information_schema.tables WHERE table_schema = %s ORDER BY 1"
        return [name for (name,) in base.execute(query, [schema]).fetchall()]


def test_addresses_that_lead_nowhere_are_told_without_their_password(tmp_path):
    for url, error, message in (
        ("mysql://u:geheim@h/b", InvalidInput, "only PostgreSQL"),
        ("no address", InvalidInput, "is no address"),
        (
            "postgresql://u:geheim@127.0.0.1:1/b",
            SourceUnavailable,
            "127.0.0.1:1/b suyuan.*check that the database runs",
        ),
    ):
        with pytest.raises(error, match=message) as caught:
            open_workspace(tmp_path / "w", url).records()
        assert "geheim" not in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(InvalidInput, match="SUYUAN_DATABASE_SCHEMA 'a-b'"):
        open_workspace(tmp_path / "w", "postgresql://h/b", None, "a-b")
    with pytest.raises(InvalidInput, match="without SUYUAN_DATABASE_URL"):
        open_workspace(tmp_path / "w", None, "memory://x")
    with pytest.raises(InvalidInput, match=r"SUYUAN_STORE_URL nosuch://host/x: .*nosuch"):
        open_files("nosuch://user:geheim@host/x?token=geheim")


def test_files_behind_a_url_are_whole_or_not_there(tmp_path):
    assert isinstance(open_files(f"file://{tmp_path}"), LocalFiles)
    files = open_files(f"memory://{secrets.token_hex(6)}")
    assert isinstance(files, RemoteFiles)

    def fail(part) -> None:
        part.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(SourceUnavailable, match="No space left on device; nothing was changed"):
        files.put("rasters/a.tif", fail)
    assert files.names("rasters") == []
    files.put("rasters/a.tif", lambda part: part.write_bytes(b"whole"))
    assert files.names("rasters") == ["a.tif"]
    assert files.local("rasters/a.tif").read_bytes() == b"whole"
    files.remove("rasters/a.tif")
    files.remove("rasters/a.tif")
    assert not files.exists("rasters/a.tif")


def test_where_uploads_show_before_they_are_whole_they_are_moved_into_place(tmp_path):
    files = RemoteFiles(f"local://{tmp_path / 'far'}")
    files.put("versions/a.parquet", lambda part: part.write_bytes(b"whole"))
    assert files.names("versions") == ["a.parquet"]
    (tmp_path / "far" / "versions" / ".writing-12").write_bytes(b"half")
    assert files.names("versions") == ["a.parquet"]
    assert files.leftovers("versions") == ["versions/.writing-12"]
    with files.open("versions/a.parquet") as stream:
        assert stream.read() == b"whole"


def test_a_whole_clerks_path_ends_the_same_in_both(tmp_path, shared):
    folder = Workspace(tmp_path / "w")
    head = "id,name,fuel,capacity_tph,online_monitor,lon,lat\n"
    sheets = ("1,甲,coal,10,是,119.2,34.6\n2,乙,coal,4,,119.3,34.6\n", "2,乙,gas,4,否,119.3,34.6\n")
    for number, rows in enumerate(sheets):
        path = tmp_path / f"b{number}.csv"
        path.write_text(head + rows, encoding="utf-8")
        one, two = (add_file(store, "boilers", path) for store in (folder, shared))
        assert one.record is not None
        assert two.record is not None
        assert one.record.content_hash == two.record.content_hash
        assert one.record.provenance == two.record.provenance
    kept = [[(v.number, v.action, v.content_hash, v.columns) for v in s.versions("boilers")] for s in (folder, shared)]
    assert kept[0] == kept[1]


def test_what_is_not_installed_is_told_with_the_command(tmp_path, monkeypatch):
    for name in ("layers.store_postgis", "layers.postgis_tables", "layers.postgis_lock"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "geoalchemy2", None)
    with pytest.raises(SourceUnavailable, match=r"needs geoalchemy2.*pip install 'suyuan\[postgis\]'"):
        open_workspace(tmp_path, "postgresql://h/b")
