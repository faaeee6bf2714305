"""Several files on one time axis: any order, overlaps, gaps, strangers."""

import numpy as np
import pytest
import xarray as xr

from geo.errors import InvalidInput
from tracing.met import open_met
from tracing.met.arl_write import write_arl


@pytest.fixture
def parts(eastward, tmp_path):
    """Three files of 9 h each, overlapping by an hour, over a month's end."""
    paths = []
    for k, (first, last) in enumerate([(0, 10), (9, 18), (17, 25)]):
        path = tmp_path / f"part{k}.arl"
        write_arl(path, eastward.isel(time=slice(first, last)))
        paths.append(path)
    return paths


def test_any_order_gives_the_same(parts, eastward):
    want = open_met(parts)
    np.testing.assert_array_equal(want.time.values, eastward.time.values)
    for order in ([2, 0, 1], [1, 2, 0]):
        xr.testing.assert_identical(open_met([parts[k] for k in order]), want)


def test_a_gap_names_the_files_and_the_time(parts):
    with pytest.raises(InvalidInput, match=r"2020-02-28T21:00Z .*part0.*2020-02-29T05:00Z .*part2.*step is 1 h"):
        open_met([parts[0], parts[2]])


def test_two_grids_are_not_mixed(parts, tools, tmp_path):
    other = tmp_path / "other.arl"
    write_arl(other, tools.make(tools.latlon(0.0, 30.0, 1.0, 21, 21), lambda lon, lat: (lon, lat), hours=3))
    with pytest.raises(InvalidInput, match="its grid differs"):
        open_met([parts[0], other])


def test_levels_are_not_mixed(parts, eastward, tmp_path):
    other = tmp_path / "other.arl"
    write_arl(other, eastward.isel(level=slice(0, 5)))
    with pytest.raises(InvalidInput, match="its levels differ"):
        open_met([parts[0], other])


def test_a_variable_that_one_file_lacks_is_left_out_and_said(parts, eastward, tmp_path, caplog):
    caplog.set_level("INFO", "tracing")
    other = tmp_path / "other.arl"
    write_arl(other, eastward.isel(time=slice(10, 25)).drop_vars("t2m"))
    met = open_met([parts[0], other])
    assert "t2m" not in met
    assert "t2m left out" in caplog.text
