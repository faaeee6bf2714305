"""Files of strangers: what they say they are, what they unpack to, where their members lead."""

import gzip
import io
import sqlite3
import stat
import zipfile
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point

from geo.errors import InvalidInput
from layers.untrusted import UPLOADABLE, FileLimits, check_untrusted, plain_name
from layers.writers import write_vector

SMALL = FileLimits(unpacked_bytes=2 * 2**20, ratio=50, members=5, cells=1000)


def archive(path: Path, members: dict[str, bytes], *, mode: int = 0, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as target:
        for name, content in members.items():
            about = zipfile.ZipInfo(name)
            about.compress_type = method
            about.external_attr = mode << 16
            target.writestr(about, content)
    return path


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("boilers.xlsx", "boilers.xlsx"),
        ("C:\\data\\锅炉 台账.XLSX", "锅炉 台账.xlsx"),
        ("../../etc/x.csv", "x.csv"),
        ("/etc/.csv.csv", "csv.csv"),
        (".csv", "file.csv"),
        ("a\x00b\u202e<script>.geojson", "ab_script_.geojson"),
        ("观测.csv.gz", "观测.csv.gz"),
    ],
)
def test_a_name_is_only_a_name(sent: str, kept: str) -> None:
    assert plain_name(sent) == kept


@given(st.text(max_size=300))
def test_no_name_leads_out_of_its_folder(text: str) -> None:
    name = plain_name(f"{text}.csv")
    assert Path("/folder", name).parent == Path("/folder")
    assert name.isprintable()
    assert not name.startswith(".")
    assert len(name.encode()) <= 255, "what file systems take"
    assert plain_name(name) == name


@pytest.mark.parametrize("name", ["run.exe", "noextension", "x.shp", "x.csv/", ""])
def test_other_extensions_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="none of the extensions"):
        plain_name(name)


@pytest.mark.parametrize("suffix", [s for s in UPLOADABLE if s not in (".csv", ".txt", ".tsv", ".geojson", ".json")])
def test_a_program_under_another_name_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(b"\x7fELF\x02\x01\x01\x00" + bytes(100))
    with pytest.raises(InvalidInput, match="is not"):
        check_untrusted(path)


def test_binary_text_and_empty_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"a,b\n\x00")
    (tmp_path / "y.csv").write_bytes(b"")
    with pytest.raises(InvalidInput, match="not a text file"):
        check_untrusted(tmp_path / "x.csv")
    with pytest.raises(InvalidInput, match=r"empty \(0 bytes\)"):
        check_untrusted(tmp_path / "y.csv")


@pytest.mark.parametrize("name", ["../x.shp", "/etc/x.shp", "a/../../x.shp", "C:/x.shp", "..\\x.shp", "\\x.shp"])
def test_members_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    path = archive(tmp_path / "x.zip", {"a.shp": b"", name: b""})
    with pytest.raises(InvalidInput, match="leads out of its folder"):
        check_untrusted(path)


def test_links_nested_archives_and_many_members_are_refused(tmp_path: Path) -> None:
    link = archive(tmp_path / "link.zip", {"a.shp": b"/etc/passwd"}, mode=stat.S_IFLNK | 0o777)
    inner = archive(tmp_path / "inner.zip", {"a": b"x"}).read_bytes()
    named = archive(tmp_path / "named.zip", {"a.zip": inner})
    hidden = archive(tmp_path / "hidden.zip", {"a.dbf": inner})
    many = archive(tmp_path / "many.zip", {f"{n}.shp": b"" for n in range(6)})
    for path, reason in ((link, "leads out"), (named, "archive"), (hidden, "archive"), (many, "at most 5")):
        with pytest.raises(InvalidInput, match=reason):
            check_untrusted(path, SMALL)


def test_bombs_are_refused_by_size_and_by_ratio(tmp_path: Path) -> None:
    large = archive(tmp_path / "large.zip", {"a.shp": bytes(3 * 2**20)})
    with pytest.raises(InvalidInput, match="more than 2 MiB"):
        check_untrusted(large, SMALL)
    dense = archive(tmp_path / "dense.zip", {"a.shp": bytes(20 * 2**20)})
    with pytest.raises(InvalidInput, match="more than 200 times"):
        check_untrusted(dense)
    packed = tmp_path / "x.csv.gz"
    packed.write_bytes(gzip.compress(bytes(3 * 2**20)))
    with pytest.raises(InvalidInput, match="more than 2 MiB"):
        check_untrusted(packed, SMALL)
    packed.write_bytes(gzip.compress(gzip.compress(b"a,b\n1,2\n")))
    with pytest.raises(InvalidInput, match="another archive"):
        check_untrusted(packed, SMALL)
    packed.write_bytes(gzip.compress(b"a,b\n1,2\n") * 2)
    check_untrusted(packed, SMALL)


def test_a_size_that_is_a_lie_is_found(tmp_path: Path) -> None:
    path = archive(tmp_path / "lie.zip", {"a.shp": bytes(3 * 2**20)})
    data = path.read_bytes().replace((3 * 2**20).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    path.write_bytes(data)
    with pytest.raises(InvalidInput, match="not a ZIP archive or is cut off"):
        check_untrusted(path, SMALL)


def test_cut_encrypted_and_entities_are_refused(tmp_path: Path) -> None:
    whole = archive(tmp_path / "whole.zip", {"a.shp": b"x" * 1000}, method=zipfile.ZIP_STORED)
    cut = tmp_path / "cut.zip"
    cut.write_bytes(whole.read_bytes()[:500])
    with pytest.raises(InvalidInput, match="cut off"):
        check_untrusted(cut)
    data = bytearray(whole.read_bytes())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "secret.zip").write_bytes(bytes(data))
    with pytest.raises(InvalidInput, match="encrypted"):
        check_untrusted(tmp_path / "secret.zip")
    book = archive(tmp_path / "x.xlsx", {"xl/sheet.xml": b'<!DOCTYPE x [<!ENTITY a "b">]><x/>'})
    with pytest.raises(InvalidInput, match="entities"):
        check_untrusted(book)


def test_a_view_without_end_is_refused_and_a_layer_is_not(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"name": ["甲"]}, geometry=[Point(119, 34)], crs=4326)
    path = tmp_path / "x.gpkg"
    write_vector(frame, path)
    check_untrusted(path)
    with closing(sqlite3.connect(path)) as base, base:
        base.execute(
            "CREATE VIEW endless AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n) SELECT * FROM n"
        )
    with pytest.raises(InvalidInput, match="view 'endless'"):
        check_untrusted(path)


def test_parquet_is_measured_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"a": pa.array([0] * 2000)}), path)
    with pytest.raises(InvalidInput, match="2000 cells; at most 1000"):
        check_untrusted(path, SMALL)
    check_untrusted(path)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(InvalidInput, match="not Parquet"):
        check_untrusted(path)


def test_what_writers_write_is_let_pass(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"name": ["甲", "乙"]}, geometry=[Point(119, 34), Point(119.1, 34)], crs=4326)
    for suffix in (".geojson", ".gpkg", ".csv", ".xlsx", ".fgb", ".parquet", ".kml"):
        path = tmp_path / f"x{suffix}"
        write_vector(frame, path)
        check_untrusted(path)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        target.writestr("文件夹/层.shp", b"x")
    (tmp_path / "x.zip").write_bytes(buffer.getvalue())
    check_untrusted(tmp_path / "x.zip")
