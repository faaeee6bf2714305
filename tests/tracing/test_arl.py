"""The ARL reader: real files against a plain loop over the bytes, and every way in which a file can be wrong."""

import numpy as np
import pandas as pd
import pytest

from geo.errors import InvalidInput, SourceUnavailable
from tracing.met import open_met, read_arl
from tracing.met.arl_format import checksums, unpack
from tracing.met.arl_write import write_arl
from tracing.met.grid import grid_of


def plain_unpack(raw: bytes, exponent: int, first: float, nx: int, ny: int) -> np.ndarray:
    out = np.empty((ny, nx))
    start = first
    for j in range(ny):
        value = start
        for i in range(nx):
            value += (raw[j * nx + i] - 127) / 2 ** (7 - exponent)
            out[j, i] = value
            if i == 0:
                start = value
    return out


def plain_checksum(raw: bytes) -> int:
    total = 0
    for byte in raw:
        total += byte
        if total >= 256:
            total -= 255
    return total


@pytest.fixture(scope="session")
def ngm_path(shared_data):
    return shared_data / "met" / "ngm1995" / "oct1618.BIN"


@pytest.fixture(scope="session")
def gdas_path(shared_data):
    return shared_data / "met" / "gdas2010" / "gdas_042.bin"


def test_unpack_and_checksum_follow_the_plain_loop():
    rng = np.random.default_rng(7)
    packed = rng.integers(0, 256, (3, 4, 5), dtype=np.uint8)
    packed[2] = 0
    exponents, first = np.array([3, -2, 7]), np.array([10.0, -5.5, 0.0])
    got = unpack(packed, exponents, first)
    for k in range(3):
        want = plain_unpack(packed[k].tobytes(), int(exponents[k]), float(first[k]), 5, 4)
        np.testing.assert_allclose(got[k], want, rtol=1e-6)
    np.testing.assert_array_equal(checksums(packed), [plain_checksum(p.tobytes()) for p in packed])


def test_ngm_shape_times_and_a_record_by_hand(ngm_path):
    met = open_met(ngm_path)
    assert dict(met.sizes) == {"time": 36, "level": 10, "y": 28, "x": 33}
    assert pd.Timestamp(met.time.values[0]) == pd.Timestamp("1995-10-16T00:00")
    assert pd.Timestamp(met.time.values[-1]) == pd.Timestamp("1995-10-18T22:00")
    assert met.attrs["vertical"] == "sigma"
    assert met.attrs["source"] == "NGM"
    assert met["u"].attrs["standard_name"] == "x_wind"
    raw = ngm_path.read_bytes()
    record = next(raw[at : at + 974] for at in range(0, 974 * 62, 974) if raw[at + 14 : at + 18] == b"UWND")
    want = plain_unpack(record[50:], int(record[18:22]), float(record[36:50]), 33, 28)
    np.testing.assert_allclose(met["u"].values[0, 0], want, rtol=1e-5, atol=1e-5)
    assert met["sp"].attrs["units"] == "Pa"
    assert 70_000 < float(met["sp"].min()) < float(met["sp"].max()) < 105_000


@pytest.mark.parametrize("name", ["gdas1.jan20.w1", "20200101_wind.nc"])
def test_the_name_of_a_file_says_nothing_of_its_period_or_format(ngm_path, tmp_path, name):
    renamed = tmp_path / name
    renamed.symlink_to(ngm_path)
    found, plain = open_met(renamed), open_met(ngm_path)
    assert found.attrs["format"] == plain.attrs["format"]
    assert pd.Timestamp(found["time"].values[0]) == pd.Timestamp("1995-10-16T00:00")
    np.testing.assert_array_equal(found["time"].values, plain["time"].values)


def test_ngm_pole_lies_where_the_file_says(ngm_path):
    grid = grid_of(open_met(ngm_path))
    column, row = grid.to_index(0.0, 90.0)
    assert (float(column), float(row)) == pytest.approx((12.25, 41.75), abs=1e-6)
    assert grid.dx / 1000.0 == pytest.approx(182.9, abs=1e-6)


def test_gdas_index_over_several_records_and_levels_without_some_variables(gdas_path):
    met = open_met(gdas_path)
    assert dict(met.sizes) == {"time": 13, "level": 23, "y": 15, "x": 23}
    assert met.level.values[0] == 100_000.0
    assert met.level.values[-1] == 2_000.0
    assert np.isnan(met["omega"].values[:, -2:]).all()
    assert not np.isnan(met["omega"].values[:, :-2]).any()
    assert not np.isnan(met["u"].values).any()
    assert (float(met.lon[0]), float(met.lon[-1]), float(met.lat[0])) == (-68.0, -46.0, 8.0)
    assert list(met.forecast_h.values[:4]) == [0, 3, 0, 3]
    assert {"blh", "u10", "v10", "t2m", "zs", "sp", "tp"} <= set(met.data_vars)


@pytest.mark.parametrize("name", ["ngm_path", "gdas_path"])
def test_every_byte_of_data_is_under_a_checksum(name, request, tmp_path):
    raw = bytearray(request.getfixturevalue(name).read_bytes())
    grid = grid_of(open_met(request.getfixturevalue(name)))
    length = 50 + grid.nx * grid.ny
    records = [k for k in range(len(raw) // length) if raw[k * length + 14 : k * length + 18] != b"INDX"]
    for record in (records[0], records[len(records) // 2], records[-1]):
        damaged = bytearray(raw)
        at = record * length + 50 + 17
        damaged[at] = (damaged[at] + 3) % 251
        path = tmp_path / "damaged.bin"
        path.write_bytes(damaged)
        variable = raw[record * length + 14 : record * length + 18].decode()
        with pytest.raises(InvalidInput, match=rf"checksum fails at .*variable {variable} \(record {record + 1}\)"):
            open_met(path)


@pytest.mark.parametrize(
    ("cut", "match"),
    [(1000, r"cut short in record 2, at byte 1000"), (974 * 70, r"cut short after record 70, at byte 68180")],
)
def test_truncated_file_names_record_and_byte(ngm_path, tmp_path, cut, match):
    path = tmp_path / "short.bin"
    path.write_bytes(ngm_path.read_bytes()[:cut])
    with pytest.raises(InvalidInput, match=match):
        open_met(path)


def test_other_files_are_refused_by_content(tmp_path):
    path = tmp_path / "met.bin"
    path.write_bytes(b"")
    with pytest.raises(InvalidInput, match=r"met\.bin: the file is empty"):
        open_met(path)
    with pytest.raises(SourceUnavailable, match="a folder; give the meteorological files in it"):
        open_met(tmp_path)
    for content in (b"lon,lat\n1,2\n", b"\x89HDF" + bytes(300)):
        path.write_bytes(content)
        with pytest.raises(InvalidInput, match="not a meteorological file"):
            open_met(path)
        with pytest.raises(InvalidInput, match="not an ARL packed file"):
            read_arl(path)
    with pytest.raises(SourceUnavailable, match="cannot be read"):
        open_met(tmp_path / "absent.bin")
    with pytest.raises(InvalidInput, match="no file given"):
        open_met([])


def test_damaged_index_and_labels_name_the_record(ngm_path, tmp_path):
    raw = bytearray(ngm_path.read_bytes())
    path = tmp_path / "damaged.bin"
    damaged = bytearray(raw)
    damaged[974 * 5 + 14 : 974 * 5 + 18] = b"ABCD"
    path.write_bytes(damaged)
    with pytest.raises(InvalidInput, match="record 6 holds 'ABCD' where the index says"):
        open_met(path)
    damaged = bytearray(raw)
    damaged[50 + 93 : 50 + 96] = b"x33"
    path.write_bytes(damaged)
    with pytest.raises(InvalidInput, match="index in record 1 is damaged"):
        open_met(path)


def test_written_file_is_read_back(eastward, tmp_path):
    path = tmp_path / "back.arl"
    write_arl(path, eastward)
    met = open_met(path)
    np.testing.assert_array_equal(met.time.values, eastward.time.values)
    np.testing.assert_allclose(met["u"].values, eastward["u"].values, atol=0.1)
    np.testing.assert_allclose(met["z"].values, eastward["z"].values, atol=1.0)
    assert grid_of(met) == grid_of(eastward)


def test_grid_above_999_points_carries_thousands_as_letters(tools, tmp_path):
    grid = tools.latlon(0.0, 10.0, 0.05, 1234, 3)
    met = tools.make(grid, lambda lon, lat: (lon, lat), hours=1).isel(level=slice(0, 2))
    path = tmp_path / "wide.arl"
    write_arl(path, met)
    assert path.read_bytes()[12:14] == b"A@"
    assert open_met(path).sizes["x"] == 1234
