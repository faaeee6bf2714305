"""The ARL writer against an unpacker of its own, the project's reader and NOAA's file."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from geo.errors import InvalidInput, MissingData
from tracing.met.arl import read_arl
from tracing.met.arl_write import as_written, pack, write_arl

LEVELS_HPA = (1000.0, 975.5, 500.0)


def small_met(nx: int = 40, ny: int = 30, levels: tuple[float, ...] = LEVELS_HPA, seed: int = 3) -> xr.Dataset:
    """Fields of very different sizes: metres, small vertical motions, a constant, negative numbers."""
    rng = np.random.default_rng(seed)
    times = pd.DatetimeIndex(["2020-02-29T21:00", "2020-03-01T00:00"])
    lon, lat = 115 + 0.25 * np.arange(nx), 31.5 + 0.25 * np.arange(ny)
    wave = np.sin(lon[None, :] * 3) + np.cos(lat[:, None] * 2)
    upper = rng.normal(size=(2, len(levels), ny, nx)) + wave
    surface = rng.normal(size=(2, ny, nx)) + wave
    four, three = ("time", "level", "y", "x"), ("time", "y", "x")
    return xr.Dataset(
        {
            "z": (four, 5000 + 40 * upper),
            "u": (four, -7.0 + 3 * upper),
            "omega": (four, 0.02 * upper),
            "rh": (four, np.full(upper.shape, 55.0)),
            "sp": (three, 101_000 + 300 * surface),
            "zs": (three, np.zeros(surface.shape)),
            "blh": (three, 800 + 90 * surface),
        },
        {"time": times, "level": np.array(levels) * 100, "lon": ("x", lon), "lat": ("y", lat)},
        {"grid_mapping_name": "latitude_longitude", "vertical": "pressure", "source": "TEST"},
    )


def slow_unpack(raw: bytes, nx: int, ny: int) -> tuple[dict[tuple[str, int, str], np.ndarray], list[str]]:
    """Unpack a file record by record, straight from the format's description: the formula, point by point."""
    size = nx * ny + 50
    assert len(raw) % size == 0
    fields, indices = {}, []
    for at in range(0, len(raw), size):
        label, body = raw[at : at + 50].decode("ascii"), raw[at + 50 : at + size]
        when, level, name = label[:8], int(label[10:12]), label[14:18]
        if name == "INDX":
            indices.append(label + body.decode("ascii"))
            continue
        step, value = 2.0 ** (int(label[18:22]) - 7), float(label[36:50])
        field, row_start = np.empty((ny, nx)), value
        for j in range(ny):
            row_start += (body[j * nx] - 127) * step
            value = row_start
            field[j, 0] = value
            for i in range(1, nx):
                value += (body[j * nx + i] - 127) * step
                field[j, i] = value
        fields[when, level, name] = field
        fields[when, level, name + ":step"] = np.array(step)
        fields[when, level, name + ":sum"] = np.array(rotating(body))
    return fields, indices


def rotating(body: bytes) -> int:
    total = 0
    for byte in body:
        total += byte
        if total >= 256:
            total -= 255
    return total


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[xr.Dataset, Path]:
    met = small_met()
    path = tmp_path_factory.mktemp("arl") / "small.arl"
    write_arl(path, met)
    return met, path


def test_values_are_within_half_a_packing_step(written: tuple[xr.Dataset, Path]) -> None:
    met, path = written
    fields, _ = slow_unpack(path.read_bytes(), 40, 30)
    factor = {"omega": 100.0, "sp": 100.0}
    names = {"z": "HGTS", "u": "UWND", "omega": "WWND", "rh": "RELH", "sp": "PRSS", "zs": "SHGT", "blh": "PBLH"}
    for short, arl in names.items():
        for t, when in enumerate(("20 22921", "20 3 1 0")):
            values = met[short].values[t] / factor.get(short, 1.0)
            for k, truth in enumerate(values if values.ndim == 3 else values[None]):
                key = (when, k + 1 if values.ndim == 3 else 0, arl)
                step = float(fields[*key[:2], arl + ":step"])
                # Seven digits of the first value, where the field is constant.
                assert np.abs(fields[key] - truth).max() <= 0.5 * step + 1e-6 * np.abs(truth).max()
                spread = max(np.abs(np.diff(truth, axis=1)).max(), np.abs(np.diff(truth[:, 0])).max())
                assert spread == 0 or step <= 2 * spread / 120


def test_index_tells_grid_levels_and_checksums(written: tuple[xr.Dataset, Path]) -> None:
    _, path = written
    fields, indices = slow_unpack(path.read_bytes(), 40, 30)
    assert len(indices) == 2
    text = indices[0]
    assert text[:22] == "20 22921 0 099INDX   0"
    head = text[50:158]
    assert head[:9] == "TEST  0 0"
    numbers = [float(head[i : i + 7]) for i in range(9, 93, 7)]
    assert numbers == [38.75, 124.75, 0.25, 0.25, 0, 0, 0, 1, 1, 31.5, 115.0, 0]
    assert head[93:104] == " 40 30  4 2"
    assert int(head[104:108]) == 108 + 4 * 8 + (3 + 3 * 4) * 8
    assert text[158:182] == ".00000 3SHGT" + text[170:174] + "PRSS" + text[178:182]
    assert "1000.0 4HGTS" in text
    assert "975.50 4HGTS" in text
    assert "500.00 4HGTS" in text
    assert text[158 + 8 + 4 : 158 + 8 + 7] == f"{int(fields['20 22921', 0, 'SHGT:sum']):3d}"
    at = text.index("500.00") + 8
    for name in ("HGTS", "UWND", "WWND", "RELH"):
        assert text[at : at + 8] == f"{name}{int(fields['20 22921', 3, name + ':sum']):3d} "
        at += 8


def test_the_reader_reads_what_the_writer_says(written: tuple[xr.Dataset, Path]) -> None:
    met, path = written
    back = read_arl(path, verify=True)
    expected = as_written(met)
    assert back.sizes == {"time": 2, "level": 3, "y": 30, "x": 40}
    assert back.attrs["source"] == "TEST"
    for coordinate in ("lon", "lat", "level", "time"):
        np.testing.assert_array_equal(back[coordinate].values, met[coordinate].values)
    for name in met.data_vars:
        np.testing.assert_array_equal(back[name].values, expected[name].values)


def test_index_may_need_several_records(tmp_path: Path) -> None:
    met = small_met(nx=12, ny=10, levels=tuple(range(1000, 500, -50)))
    write_arl(tmp_path / "tiny.arl", met)
    raw = (tmp_path / "tiny.arl").read_bytes()
    fields, indices = slow_unpack(raw, 12, 10)
    length = int(indices[0][50 + 104 : 50 + 108])
    assert length == 108 + 11 * 8 + (3 + 10 * 4) * 8
    assert len(indices) == 2 * -(-length // 120)
    back = read_arl(tmp_path / "tiny.arl")
    np.testing.assert_allclose(back["u"].values[0, 9], fields["20 22921", 10, "UWND"], rtol=1e-6)


def test_noaa_file_survives_a_second_writing(shared_data: Path, tmp_path: Path) -> None:
    met = read_arl(shared_data / "met" / "gdas2010" / "gdas_042.bin")
    write_arl(tmp_path / "again.bin", met)
    back = read_arl(tmp_path / "again.bin")
    assert set(back.data_vars) == set(met.data_vars)
    np.testing.assert_array_equal(back["forecast_h"].values, met["forecast_h"].values)
    for name in met.data_vars:
        old, new = met[name].values, back[name].values
        np.testing.assert_array_equal(np.isnan(new), np.isnan(old))
        held = ~np.isnan(old).all(axis=(-1, -2))
        for a, b in zip(old[held], new[held], strict=True):
            spread = max(np.abs(np.diff(a, axis=1)).max(), np.abs(np.diff(a[:, 0])).max())
            assert np.abs(a - b).max() <= spread / 63 * 0.5 + 3e-7 * np.abs(a).max()


def test_large_grids_carry_their_thousands_as_letters(tmp_path: Path) -> None:
    met = small_met(nx=1203, ny=4, levels=(1000.0,)).assign_coords(lon=("x", 0.25 * np.arange(1203)))
    write_arl(tmp_path / "wide.arl", met)
    raw = (tmp_path / "wide.arl").read_bytes()
    assert raw[12:14] == b"A@"
    assert raw[50 + 93 : 50 + 99] == b"203  4"
    assert read_arl(tmp_path / "wide.arl").sizes["x"] == 1203


@pytest.mark.parametrize("value", [0.0, 1.0, -3.25, 1013.2, 1e-9])
def test_a_constant_field_stays_constant(value: float) -> None:
    packed, exponents, first = pack(np.full((1, 5, 6), value))
    assert (packed == 127).all()
    assert first[0] == pytest.approx(value, rel=5e-7)
    assert exponents.shape == (1,)


def test_rounding_does_not_add_up_along_a_row() -> None:
    ramp = np.cumsum(np.full((1, 3, 2000), 0.3003), axis=2)
    packed, exponents, first = pack(ramp)
    values = first[0] + np.cumsum((packed[0, 0].astype(float) - 127) * 2.0 ** (exponents[0] - 7))
    assert np.abs(values - ramp[0, 0]).max() <= 0.5 * 2.0 ** (exponents[0] - 7)


def test_the_same_dataset_gives_the_same_bytes(written: tuple[xr.Dataset, Path], tmp_path: Path) -> None:
    write_arl(tmp_path / "again.arl", small_met())
    assert (tmp_path / "again.arl").read_bytes() == written[1].read_bytes()


def test_what_does_not_fit_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    met, path = small_met(), tmp_path / "x.arl"
    with pytest.raises(InvalidInput, match="one to four ASCII"):
        write_arl(path, met, model_id="LIANY")
    with pytest.raises(InvalidInput, match="no ARL name"):
        write_arl(path, met.rename(u="wind_x"))
    with pytest.raises(InvalidInput, match="fall from the ground up"):
        write_arl(path, met.isel(level=[2, 1, 0]))
    with pytest.raises(InvalidInput, match="even steps"):
        write_arl(path, met.isel(x=[0, 1, 3]))
    with pytest.raises(InvalidInput, match="pressure levels, not sigma"):
        write_arl(path, met.assign_attrs(vertical="sigma"))
    gap = met.copy(deep=True)
    gap["u"][1, 1, 2, 2] = np.nan
    with pytest.raises(MissingData, match="'u' has gaps at 2020-03-01T00:00Z, level 1"):
        write_arl(path, gap)
    assert list(tmp_path.iterdir()) == []
