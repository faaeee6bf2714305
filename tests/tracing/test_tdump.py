"""tdump text: every producer's files read, ours written in HYSPLIT's layout, and what damaged files say."""

import io
import tarfile

import numpy as np
import pandas as pd
import pytest

from geo.errors import InvalidInput, MissingData, SourceUnavailable
from tracing.tdump import is_tdump, read_tdump, write_tdump
from tracing.trajectory import POINT_COLUMNS, Integration, trajectories

NOON = "2020-02-28T12:00Z"


@pytest.fixture(scope="module")
def points(eastward, tools):
    starts = pd.concat(
        [tools.start(NOON, 5.0, 40.0, 10.0), tools.start("2020-02-29T01:30Z", 7.0, 41.0)], ignore_index=True
    )
    return trajectories(eastward, starts, hours=6)


def plain_numbers(path) -> np.ndarray:
    """Read a tdump's table with nothing but split()."""
    lines = path.read_text().splitlines()
    at = int(lines[0].split()[0]) + 1
    at += int(lines[at].split()[0]) + 1
    return np.array([line.split() for line in lines[at + 1 :]], float)


def test_every_file_of_every_producer(shared_data):
    folder = shared_data / "trajectories"
    paths = [p for p in sorted(folder.rglob("*")) if p.is_file() and not p.name.endswith((".gz", ".csv"))]
    paths += sorted((shared_data / "met").glob("*/hysplit_runs/tdump.*_default"))
    paths += sorted((shared_data / "met" / "ngm1995").glob("tdump*"))
    assert len(paths) > 60
    for path in paths:
        raw = plain_numbers(path)
        raw = raw[np.argsort(raw[:, 0], kind="stable")]
        got = read_tdump(path)
        assert tuple(got.columns[:10]) == POINT_COLUMNS
        np.testing.assert_array_equal(got["trajectory"], raw[:, 0])
        np.testing.assert_array_equal(got[["lat", "lon", "height_m_agl"]], raw[:, 9:12])
        np.testing.assert_array_equal(got["pressure_hpa"], raw[:, 12])
        np.testing.assert_allclose(got["age_h"], raw[:, 8], atol=0.0501)
        np.testing.assert_array_equal(got["time"].dt.hour, raw[:, 5])
        np.testing.assert_array_equal(got["time"].dt.year % 100, raw[:, 2])
        # Nothing is lost: each further diagnostic has its column.
        np.testing.assert_array_equal(got.iloc[:, 12:], raw[:, 13:])


@pytest.mark.parametrize("archive", ["yukon_cdc1_2015_2016", "hysplit_cluster_sets_cdc1"])
def test_archives_of_many_trajectories(shared_data, tmp_path, archive):
    read = 0
    with tarfile.open(shared_data / "trajectories" / f"{archive}.tar.gz") as tar:
        members = [m for m in tar if m.isfile() and "dump" in m.name.rsplit("/", 1)[-1]]
        for member in members[::40]:
            path = tmp_path / "one"
            path.write_bytes(tar.extractfile(member).read())
            points = read_tdump(path)
            assert points["lat"].between(-90, 90).all()
            read += 1
    assert read > 15


def test_two_digit_years_and_diagnostics(shared_data):
    points = read_tdump(shared_data / "met" / "ngm1995" / "tdump_fmt2_uwind_vwind")
    assert points["time"].iloc[0] == pd.Timestamp("1995-10-16T00:00Z")
    assert {"uwind", "vwind"} <= set(points.columns)
    assert points.attrs == {"meteorology": ["NGM"], "direction": "FORWARD", "vertical": "OMEGA"}
    assert points["receptor"].iloc[0] == "40,-90"
    assert points["end_reason"].isna().all()


def test_layout_is_hysplit_s_own(shared_data, tmp_path):
    """Its own end points, read and written again, are the same text but for the meteorology's first lines."""
    source = shared_data / "met" / "ngm1995" / "tdump_fmt1"
    path = tmp_path / "again.tdump"
    write_tdump(read_tdump(source), path, met_id="NGM")
    assert path.read_text() == source.read_text()


def test_round_trip_to_the_precision_of_the_text(points, tmp_path):
    path = tmp_path / "a.tdump"
    write_tdump(points, path, met_id="TEST", vertical="isobaric")
    back = read_tdump(path)
    np.testing.assert_array_equal(back["trajectory"], points["trajectory"])
    assert (back["time"].to_numpy() == points["time"].to_numpy()).all()
    assert (back["start_time"].to_numpy() == points["start_time"].to_numpy()).all()
    np.testing.assert_allclose(back[["lon", "lat"]], points[["lon", "lat"]], atol=5.1e-4)
    np.testing.assert_allclose(
        back[["height_m_agl", "pressure_hpa"]], points[["height_m_agl", "pressure_hpa"]], atol=0.051
    )
    np.testing.assert_array_equal(back["age_h"], points["age_h"])
    assert back.attrs["vertical"] == "ISOBARIC"
    assert is_tdump(path.read_text()[:400])


def test_what_is_told_along_the_path_stands_under_the_names_of_the_field(points, tmp_path):
    told = points.assign(terrain_m=1234.56, temperature_k=280.1234, specific_humidity_g_kg=0.0412)
    write_tdump(told, tmp_path / "t")
    (labels,) = (line for line in (tmp_path / "t").read_text().splitlines() if "PRESSURE" in line)
    assert labels == "     4 PRESSURE AIR_TEMP SPCHUMID TERR_MSL"
    back = read_tdump(tmp_path / "t")
    assert back.iloc[3][["air_temp", "spchumid", "terr_msl"]].tolist() == [280.123, 0.041, 1234.6]
    np.testing.assert_allclose(back["pressure_hpa"], points["pressure_hpa"], atol=0.0501)
    assert plain_numbers(tmp_path / "t").shape == (len(points), 16)
    with pytest.raises(InvalidInput, match="a number is missing"):
        write_tdump(told.assign(terrain_m=np.nan), tmp_path / "u")


def test_quarter_hours_are_exact_although_the_text_has_tenths(eastward, tools, tmp_path):
    path = tmp_path / "q.tdump"
    points = trajectories(eastward, tools.start(NOON, 5.0, 40.0), hours=2, options=Integration(output_minutes=15.0))
    write_tdump(points, path)
    np.testing.assert_array_equal(read_tdump(path)["age_h"], points["age_h"])


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("lon,lat\n1,2\n", "not a tdump file"),
        ("", "not a tdump file"),
        ("     1     1\n    NGM     95    10    16     0     0\n     3 FORWARD  OMEGA\n", "not a tdump file"),
    ],
)
def test_other_text_is_refused(tmp_path, text, match):
    path = tmp_path / "x"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=match) as caught:
        read_tdump(path)
    assert "\n" not in str(caught.value)


def test_a_cut_file_names_the_line(points, tmp_path):
    path = tmp_path / "a.tdump"
    write_tdump(points, path)
    whole = path.read_text()
    path.write_text(whole[:-20])
    with pytest.raises(InvalidInput, match=r"line 20 has \d+ numbers, not 13"):
        read_tdump(path)
    path.write_text("\n".join(whole.splitlines()[:6]) + "\n")
    with pytest.raises(InvalidInput, match="no end point after the header"):
        read_tdump(path)
    with pytest.raises(SourceUnavailable, match="cannot be read"):
        read_tdump(tmp_path / "absent")


def test_what_cannot_be_written_is_said_and_leaves_no_file(points, tmp_path):
    path = tmp_path / "a.tdump"
    with pytest.raises(MissingData, match="no point to write"):
        write_tdump(points.iloc[:0], path)
    with pytest.raises(InvalidInput, match=r"columns \['lat'\] are missing"):
        write_tdump(points.drop(columns="lat"), path)
    with pytest.raises(InvalidInput, match="'sideways' is not known"):
        write_tdump(points, path, vertical="sideways")
    with pytest.raises(InvalidInput, match="a number is missing"):
        write_tdump(points.assign(lat=np.nan), path)
    with pytest.raises(InvalidInput, match="does not fit"):
        write_tdump(points, path, met_id="much too long")
    with pytest.raises(SourceUnavailable, match="cannot be written"):
        write_tdump(points, tmp_path / "no" / "such" / "a.tdump")
    assert list(tmp_path.iterdir()) == []


def test_pandas_reads_it_by_fixed_widths(points, tmp_path):
    """Readers of the field cut the lines at fixed columns."""
    path = tmp_path / "a.tdump"
    write_tdump(points, path)
    body = "\n".join(path.read_text().splitlines()[6:])
    table = pd.read_fwf(io.StringIO(body), widths=[6] * 8 + [8, 9, 9, 9, 9], header=None)
    assert table.shape == (len(points), 13)
    assert table.notna().all().all()
