"""Preparing meteorology: columns, internal levels, vertical motion, and what is said when something is missing."""

import numpy as np
import pytest
import xarray as xr

from geo.errors import InvalidInput, MissingData, SourceUnavailable
from tracing import vertical_kernel as kernel
from tracing.met.grid import grid_of
from tracing.roughness import read_roughness, roughness_on
from tracing.vertical import default_vertical, prepare
from tracing.vertical_columns import Z_TOP_M, columns_at, terrain_height


def test_internal_heights_are_those_that_hysplit_shows():
    ngm, gdas = kernel.internal_heights(10, 10_000.0), kernel.internal_heights(23, 10_000.0)
    assert (ngm.size, gdas.size) == (19, 23)
    np.testing.assert_allclose(ngm[:3], [10.0, 75.0, 200.0])
    np.testing.assert_allclose(gdas[:3], [10.0, 55.0, 140.0])
    assert ngm[-2] < 10_000.0 <= ngm[-1]


def test_lookup_never_starts_above_the_level():
    sigma = 1.0 - kernel.internal_heights(23, 10_000.0) / Z_TOP_M
    lookup = kernel.level_lookup(sigma)
    bins = lookup.size
    for share in np.linspace(0.0, 1.0, 997, endpoint=False):
        value = sigma[0] + share * (sigma[-1] - sigma[0])
        assert sigma[lookup[int(share * bins)]] >= value - 1e-12


def test_columns_are_interpolated_as_numpy_does():
    rng = np.random.default_rng(3)
    height = np.sort(rng.uniform(0, 5000, (8, 4)), axis=0)
    height[0] = 0.0
    values = rng.normal(size=(2, 8, 4))
    target = np.sort(rng.uniform(0, 6000, (11, 4)), axis=0)
    got = kernel.interpolate_columns(height, values, target)
    for m in range(2):
        for p in range(4):
            np.testing.assert_allclose(got[m, :, p], np.interp(target[:, p], height[:, p], values[m, :, p]))


def test_levels_under_ground_or_without_a_value_are_passed_over():
    height = np.array([[0.0], [-50.0], [100.0], [200.0], [300.0]])
    values = np.array([[[1.0], [99.0], [3.0], [np.nan], [7.0]]])
    got = kernel.interpolate_columns(height, values, np.array([[50.0], [200.0]]))
    np.testing.assert_allclose(got[0, :, 0], [2.0, 5.0])


def test_hypsometric_heights_of_sigma_levels(tools):
    sigma = np.array([0.98, 0.9, 0.7])
    shape = (2, 3, 4, 4)
    coords = {"time": np.array(["2020-01-01", "2020-01-02"], "datetime64[ns]"), "level": sigma}
    full = {
        name: (("time", "level", "y", "x"), np.full(shape, value))
        for name, value in (("u", 5.0), ("v", 0.0), ("t", 280.0))
    }
    flat = {name: (("time", "y", "x"), np.full((2, 4, 4), value)) for name, value in (("sp", 9e4), ("zs", 500.0))}
    met = xr.Dataset({**full, **flat}, coords, {"vertical": "sigma"})
    columns = columns_at(met, 0, terrain_height(met), np.full((4, 4), 0.1))
    np.testing.assert_allclose(columns.height[1:, 0, 0], -tools.scale_height * np.log(sigma), rtol=1e-12)
    z10, z1 = 10.0 * (1.0 - 500.0 / Z_TOP_M), columns.height[1, 0, 0]
    assert columns.u[0, 0, 0] == pytest.approx(5.0 * np.log(z10 / 0.1) / np.log(z1 / 0.1))
    np.testing.assert_allclose(columns.pressure[:2, 0, 0], [9e4, 0.98 * 9e4])


def test_pressure_levels_without_height_get_it_from_temperature(eastward):
    with_z, without = eastward, eastward.drop_vars("z")
    flat = np.zeros((41, 41))
    want, got = (columns_at(m, 0, flat, flat + 0.1).height for m in (with_z, without))
    above = want[1:] > 0
    np.testing.assert_allclose(got[1:][above], want[1:][above], rtol=1e-4)


def test_terrain_is_found_from_surface_pressure(eastward, tools):
    sp = tools.p_ground * np.exp(-(np.arange(41)[:, None] * 20.0) / tools.scale_height) * np.ones((41, 41))
    met = eastward.drop_vars("zs").assign(sp=(("time", "y", "x"), np.broadcast_to(sp, (25, 41, 41))))
    np.testing.assert_allclose(terrain_height(met), np.arange(41)[:, None] * 20.0 * np.ones((41, 41)), atol=0.5)


def test_vertical_motion_from_data_is_metres_per_second(tools):
    met = tools.make(tools.latlon(0.0, 30.0, 1.0, 6, 6), lambda lon, lat: (0 * lon, 0 * lat), hours=1, w=0.05)
    fields = prepare(met).fields
    high = fields.sigma < 1.0 - 500.0 / Z_TOP_M
    motion = -fields.wind[0, 2, 2, high, 2] * Z_TOP_M / 60.0
    # Between the levels of the data omega is linear in height, density is not.
    np.testing.assert_allclose(motion[:12], 0.05, rtol=0.02)


def test_divergence_lifts_where_air_flows_together(tools):
    met = tools.make(
        tools.latlon(0.0, -3.0, 1.0, 7, 7), lambda lon, lat: (-1e-5 * (lon - 3.0) * 111_000.0, 0 * lat), hours=1
    )
    fields = prepare(met, "divergence").fields
    k = 8
    height = (1.0 - fields.sigma[k]) * Z_TOP_M
    assert -fields.wind[0, 3, 3, k, 2] * Z_TOP_M / 60.0 == pytest.approx(1e-5 * height, rel=0.02)


def test_divergence_is_summed_from_a_still_ground_over_layers_and_three_levels():
    """By hand: divergence 0 at the ground, 1, 2, 4 per second at 10, 75 and 200 m; the layers' means added up."""
    sigma = 1.0 - np.array([10.0, 75.0, 200.0]) / Z_TOP_M
    x = np.arange(4.0)
    u = np.array([1.0, 2.0, 4.0])[:, None, None] * np.broadcast_to(100.0 * x, (3, 3, 4))
    cells = np.full((3, 4), 100.0), np.full((3, 4), 50.0), sigma
    below = np.array([0.5 * 10.0, 0.5 * 10.0 + 1.5 * 65.0, 0.5 * 10.0 + 1.5 * 65.0 + 3.0 * 125.0])
    expected = [below[:2].mean(), below.mean(), below[1:].mean()]
    out = kernel.from_divergence((u, np.zeros_like(u)), cells, cyclic=False)
    np.testing.assert_allclose(Z_TOP_M * out, np.broadcast_to(np.array(expected)[:, None, None], out.shape))


@pytest.mark.parametrize("vertical", ["omega", "isobaric", "isentropic"])
@pytest.mark.parametrize("backward", [False, True])
def test_window_does_not_change_the_numbers(eastward, vertical, backward):
    rng = np.random.default_rng(2)
    met = eastward.copy()
    met["sp"] = met["sp"] + rng.normal(scale=100.0, size=met["sp"].shape).astype("float32")
    first = met.time.to_index()[0].tz_localize("UTC")
    window = (first + np.timedelta64(200, "m"), first + np.timedelta64(500, "m"))
    whole = prepare(met, vertical, backward=backward).fields
    part = prepare(met, vertical, window=window, backward=backward)
    offset = round((part.start - first).total_seconds() / 3600.0)
    for hour in range(3, 10):
        np.testing.assert_array_equal(part.fields.wind[hour - offset], whole.wind[hour])
    assert part.fields.wind.shape[0] <= 9


@pytest.mark.parametrize(
    ("drop", "vertical", "match"),
    [
        (["omega"], "omega", "no vertical motion .*choose vertical isobaric"),
        (["u"], "isobaric", "no wind component u"),
        (["t"], "omega", "no temperature"),
        (["t", "z"], "isobaric", "needed to place pressure levels"),
        (["zs", "sp"], "isobaric", "neither terrain height zs nor surface pressure"),
    ],
)
def test_missing_fields_are_named(eastward, drop, vertical, match):
    with pytest.raises(MissingData, match=match) as caught:
        prepare(eastward.drop_vars(drop), vertical)
    assert "\n" not in str(caught.value)


def test_without_temperature_the_divergence_moves_by_default(eastward):
    assert default_vertical(eastward) == ("omega", [])
    vertical, (said,) = default_vertical(eastward.drop_vars("t"))
    assert (vertical, said.split(" / ")[1][:40]) == ("divergence", "no temperature: omega cannot be used, an")
    prepare(eastward.drop_vars("t"), vertical)


@pytest.mark.parametrize("name", ["u", "v", "omega", "t"])
def test_a_hole_in_a_level_is_not_bridged(eastward, name):
    bad = eastward.copy(deep=True)
    bad[name][{"time": 4, "level": 6, "y": 7, "x": 9}] = np.nan
    with pytest.raises(MissingData, match=rf"{name} is NaN at 2020-02-28T16:00Z, 33.50 N 4.50 E, \d+ m above ground"):
        prepare(bad)


def test_a_column_without_a_value_is_not_taken_for_a_low_one(eastward):
    bad = eastward.copy(deep=True)
    bad["u"][{"time": 4, "y": 7, "x": 9}] = np.nan
    assert np.isfinite(bad["u10"]).all()
    with pytest.raises(MissingData, match=r"u is NaN at 2020-02-28T16:00Z, 33.50 N 4.50 E, \d+ m above ground"):
        prepare(bad)


def test_a_level_without_a_variable_and_what_lies_underground_are_passed_over(eastward):
    met = eastward.copy(deep=True)
    met["omega"][{"level": 6}] = np.nan
    # 975 hPa lies at 322 m, here 100 m under the ground.
    met["zs"][{"y": 7, "x": 9}] = 422.0
    for name in ("u", "v", "t", "omega"):
        met[name][{"level": [0, 1], "y": 7, "x": 9}] = np.nan
    prepared, plain = prepare(met), prepare(eastward)
    np.testing.assert_allclose(prepared.fields.wind[..., :2], plain.fields.wind[..., :2], atol=1e-5)
    np.testing.assert_allclose(prepared.fields.wind[..., 2], 0.0, atol=1e-6)


def test_nan_wind_names_time_and_place(eastward):
    bad = eastward.copy(deep=True)
    bad["u"][{"time": 4, "y": 7, "x": 9}] = np.nan
    bad["u10"][{"time": 4, "y": 7, "x": 9}] = np.nan
    with pytest.raises(MissingData, match=r"u is NaN at 2020-02-28T16:00Z, 33.50 N 4.50 E, \d+ m above ground"):
        prepare(bad)


def test_unknown_vertical_and_single_time(eastward):
    with pytest.raises(InvalidInput, match="'wobbly' is not known; use one of omega"):
        prepare(eastward, "wobbly")
    with pytest.raises(InvalidInput, match="one time only"):
        prepare(eastward.isel(time=[0]))


def test_roughness_map(shared_data, tmp_path, eastward):
    roughness = read_roughness(shared_data / "met" / "roughness" / "ROUGLEN.ASC")
    assert dict(roughness.sizes) == {"lat": 180, "lon": 360}
    sea, forest = (float(roughness.sel(lat=lat, lon=lon)) for lat, lon in ((-60.5, -120.5), (-5.5, -65.5)))
    assert sea == 0.03
    assert forest > 0.5
    assert roughness_on(grid_of(eastward), roughness).shape == (41, 41)
    bad = tmp_path / "rough.asc"
    bad.write_text("1 2 3\n")
    with pytest.raises(InvalidInput, match="not a roughness map"):
        read_roughness(bad)
    with pytest.raises(SourceUnavailable, match="cannot be read"):
        read_roughness(tmp_path / "absent")
    with pytest.raises(InvalidInput, match="not between 0 and 10 m"):
        roughness_on(grid_of(eastward), -1.0)
