"""Trajectories against laws: known flows on the sphere, reversal, order of starts, ends, vertical options."""

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import InvalidInput, MissingData
from tracing.met import open_met
from tracing.met.grid import EARTH_RADIUS_M, conformal_grid, grid_of
from tracing.trajectory import POINT_COLUMNS, Integration, run, trajectories, trajectory_lines
from tracing.vertical import VERTICALS, prepare

NOON = "2020-02-28T12:00Z"
OMEGA_ROTATION = 2 * np.pi / (20 * 86_400.0)
POLE = np.array([np.cos(np.radians(60.0)), 0.0, np.sin(np.radians(60.0))])


def xyz(lon, lat):
    lon, lat = np.radians(lon), np.radians(lat)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], -1)


def rotation_wind(lon, lat, pole=POLE, omega=OMEGA_ROTATION):
    """Wind to east and north (m/s) of the sphere turning about a pole."""
    velocity = omega * EARTH_RADIUS_M * np.cross(pole, xyz(lon, lat))
    lam, phi = np.radians(lon), np.radians(lat)
    east = np.stack([-np.sin(lam), np.cos(lam), 0 * lam], -1)
    north = np.stack([-np.sin(phi) * np.cos(lam), -np.sin(phi) * np.sin(lam), np.cos(phi)], -1)
    return (velocity * east).sum(-1), (velocity * north).sum(-1)


def turned(lon, lat, seconds, pole=POLE, omega=OMEGA_ROTATION):
    """Where solid rotation takes a point (Rodrigues)."""
    p, angle = xyz(lon, lat), omega * seconds
    q = p * np.cos(angle) + np.cross(pole, p) * np.sin(angle) + pole * (pole @ p) * (1 - np.cos(angle))
    return np.degrees(np.arctan2(q[1], q[0])), np.degrees(np.arcsin(q[2]))


@pytest.fixture(scope="module")
def rotating_latlon(tools):
    return tools.make(tools.latlon(80.0, 10.0, 0.5, 101, 81), rotation_wind)


# Kind, standard parallel, cone constant (how fast the axes turn with longitude) and the grid's middle, degrees.
PROJECTED = {
    "polar": ("polar_stereographic", 60.0, 1.0, 35.0),
    "polar south": ("polar_stereographic", -60.0, -1.0, -35.0),
    "lambert": ("lambert_conformal_conic", 35.0, np.sin(np.radians(35.0)), 35.0),
    "mercator": ("mercator", 20.0, 0.0, 30.0),
}


@pytest.fixture(scope="module")
def rotating(rotating_latlon, tools):
    """Return by name the same solid rotation on each kind of grid, its wind along the grid's axes."""
    made = {"latlon": (prepare(rotating_latlon, "isosigma"), 35.0)}
    for name, (kind, parallel, cone, lat0) in PROJECTED.items():
        anchor = np.array([40.0, 40.0, 105.0, lat0])
        size = (80_000.0, parallel)
        grid = conformal_grid(kind, parallel=parallel, central_lon=105.0, size=size, shape=(81, 81), anchor=anchor)

        def along_axes(lon, lat, cone=cone):
            u, v = rotation_wind(lon, lat)
            turn = cone * np.radians(lon - 105.0)
            return u * np.cos(turn) - v * np.sin(turn), u * np.sin(turn) + v * np.cos(turn)

        made[name] = (prepare(tools.make(grid, along_axes), "isosigma"), lat0)
    return made


@pytest.mark.parametrize("name", ["latlon", *PROJECTED])
@settings(max_examples=12, deadline=None)
@given(east=st.floats(-4, 4), north=st.floats(-4, 4), hours=st.sampled_from([24, -24, 7, -13]))
def test_solid_rotation_of_the_sphere(rotating, tools, name, east, north, hours):
    prepared, lat0 = rotating[name]
    lon, lat = 105.0 + east, lat0 + north
    time = prepared.start + pd.Timedelta(hours=0 if hours > 0 else 24)
    points = run(prepared, tools.start(str(time), lon, lat), hours=hours)
    end, want = points.iloc[-1], turned(lon, lat, hours * 3600.0)
    path = tools.separation_km(points["lon"][:-1], points["lat"][:-1], points["lon"][1:], points["lat"][1:]).sum()
    assert end["end_reason"] == "completed"
    assert tools.separation_km(end["lon"], end["lat"], *want) < 1e-3 * path


def test_uniform_flow_along_a_parallel(eastward, tools):
    points = trajectories(eastward, tools.start(NOON, 2.0, 40.0), hours=24)
    want = 2.0 + np.degrees(10.0 * 3600.0 * points["age_h"] / (EARTH_RADIUS_M * np.cos(np.radians(40.0))))
    np.testing.assert_allclose(points["lon"], want, atol=1e-5)
    np.testing.assert_allclose(points["lat"], 40.0, atol=1e-9)
    np.testing.assert_allclose(points["height_m_agl"], 500.0, atol=1e-6)


def test_pressure_along_the_path_is_the_air_s_own(eastward, tools):
    points = trajectories(eastward, tools.start(NOON, 2.0, 40.0, 1500.0), hours=3)
    np.testing.assert_allclose(
        points["pressure_hpa"] * 100.0, tools.p_ground * np.exp(-1500.0 / tools.scale_height), rtol=5e-4
    )


def test_there_and_back(rotating_latlon, tools):
    out = trajectories(rotating_latlon, tools.start(NOON, 105.0, 35.0), hours=24, vertical="isosigma").iloc[-1]
    start = tools.start(str(out["time"]), out["lon"], out["lat"], out["height_m_agl"])
    back = trajectories(rotating_latlon, start, hours=-24, vertical="isosigma").iloc[-1]
    assert tools.separation_km(back["lon"], back["lat"], 105.0, 35.0) < 0.5
    assert back["age_h"] == -24.0
    assert back["time"] == pd.Timestamp(NOON)


def test_a_path_does_not_know_the_others(rotating_latlon):
    rng = np.random.default_rng(5)
    n = 40
    starts = pd.DataFrame(
        {
            "receptor": [f"r{k}" for k in range(n)],
            "time": pd.Timestamp(NOON) + pd.to_timedelta(rng.integers(0, 600, n), unit="min"),
            "lon": rng.uniform(90, 120, n),
            "lat": rng.uniform(20, 45, n),
            "height_m_agl": rng.uniform(0, 3000, n),
        }
    )
    order = rng.permutation(n)
    whole = trajectories(rotating_latlon, starts, hours=9).drop(columns="trajectory")
    mixed = trajectories(rotating_latlon, starts.iloc[order], hours=9).drop(columns="trajectory")
    single = trajectories(rotating_latlon, starts.iloc[[7]], hours=9).drop(columns="trajectory")
    by = ["receptor", "age_h"]
    pd.testing.assert_frame_equal(
        whole.sort_values(by, ignore_index=True), mixed.sort_values(by, ignore_index=True), check_exact=True
    )
    alone = whole[whole.receptor == "r7"].reset_index(drop=True)
    names = {"receptor": "str"}
    pd.testing.assert_frame_equal(alone.astype(names), single.astype(names), check_exact=True)


def test_table_has_the_contract_s_columns_and_starts_at_any_minute(eastward, tools):
    options = Integration(output_minutes=15.0)
    points = trajectories(eastward, tools.start("2020-02-29T01:37Z", 10.0, 40.0), hours=-2.5, options=options)
    assert tuple(points.columns) == POINT_COLUMNS
    assert list(points["age_h"]) == [-0.25 * k for k in range(11)]
    assert points["time"].iloc[-1] == pd.Timestamp("2020-02-28T23:07Z")
    assert (points["start_time"] == pd.Timestamp("2020-02-29T01:37Z")).all()
    assert points["trajectory"].unique().tolist() == [1]


def test_each_end_says_why(tools):
    grid = tools.latlon(0.0, 30.0, 0.5, 21, 21)
    still = tools.make(grid, lambda lon, lat: (0 * lon + 15.0, 0 * lat), w=0.5)
    cases = [
        ("2020-02-28T12:00Z", 9.0, 500.0, "left_domain"),
        ("2020-02-28T12:00Z", 1.0, 4500.0, "left_top"),
        ("2020-02-29T08:00Z", 1.0, 100.0, "end_of_data"),
        ("2020-02-28T12:00Z", 1.0, 100.0, "completed"),
    ]
    starts = pd.concat([tools.start(t, lon, 35.0, height) for t, lon, height, _ in cases], ignore_index=True)
    points = trajectories(still, starts, hours=6, options=Integration(top_m=11_800.0))
    last = points.groupby("trajectory").last()
    assert last["end_reason"].tolist() == [case[3] for case in cases]
    assert (points.groupby("trajectory")["end_reason"].nunique() == 1).all()
    assert (points["lon"] <= 10.0).all()
    assert last["time"].loc[3] == pd.Timestamp("2020-02-29T12:00Z")


def test_sinking_air_stays_on_the_ground(tools):
    met = tools.make(tools.latlon(0.0, 30.0, 0.5, 41, 21), lambda lon, lat: (0 * lon + 5.0, 0 * lat), w=-0.2)
    points = trajectories(met, tools.start(NOON, 2.0, 35.0, 800.0), hours=20)
    assert points["height_m_agl"].min() >= 0.0
    assert points["height_m_agl"].iloc[-1] < 15.0
    assert points["end_reason"].iloc[0] == "completed"


def test_rising_air_rises_as_fast_as_the_data_say(tools):
    met = tools.make(tools.latlon(0.0, 30.0, 0.5, 41, 21), lambda lon, lat: (0 * lon + 5.0, 0 * lat), w=0.05)
    points = trajectories(met, tools.start(NOON, 2.0, 35.0, 800.0), hours=10)
    np.testing.assert_allclose(points["height_m_agl"], 800.0 + 0.05 * 3600.0 * points["age_h"], rtol=0.01)


@pytest.fixture(scope="module")
def over_a_slope(tools):
    grid = tools.latlon(0.0, 30.0, 0.5, 41, 21)
    terrain = np.broadcast_to(np.linspace(0.0, 1000.0, 41), (21, 41)).copy()
    return tools.make(grid, lambda lon, lat: (0 * lon + 10.0, 0 * lat), terrain=terrain)


@pytest.mark.parametrize(
    ("vertical", "tolerance"), [("isobaric", 15.0), ("density", 15.0), ("isentropic", 15.0), ("constant-height", 0.01)]
)
def test_level_surfaces_are_kept_over_a_slope(over_a_slope, tools, vertical, tolerance):
    """Where pressure, density and potential temperature depend on height above the sea only, all keep that height."""
    points = trajectories(over_a_slope, tools.start(NOON, 2.0, 35.0, 1500.0), hours=20, vertical=vertical)
    above_sea = points["height_m_agl"] + (points["lon"] / 20.0) * 1000.0
    np.testing.assert_allclose(above_sea, above_sea.iloc[0], atol=tolerance)
    assert points["height_m_agl"].iloc[-1] < 1300.0


def test_isosigma_follows_the_ground(over_a_slope, tools):
    points = trajectories(over_a_slope, tools.start(NOON, 2.0, 35.0, 1500.0), hours=20, vertical="isosigma")
    np.testing.assert_allclose(points["height_m_agl"] / (25_000.0 - points["lon"] * 50.0), 1500.0 / 24_900.0, rtol=1e-9)


def test_a_surface_that_meets_the_ground_keeps_the_particle_there_and_says_so(over_a_slope, tools):
    start = tools.start(NOON, 2.0, 35.0, 300.0)
    points = trajectories(over_a_slope, start, hours=20, vertical="constant-height")
    assert points["height_m_agl"].min() == 0.0
    assert points["end_reason"].iloc[0] == "completed"
    first = points[points["height_m_agl"] == 0.0].iloc[0]
    assert f"{first['time']:%Y-%m-%dT%H:%MZ} 35.00 N {first['lon']:.2f} E" in points.attrs["warnings"][-1]
    assert "1 paths" in points.attrs["warnings"][-1]
    free = trajectories(over_a_slope, start.assign(height_m_agl=2000.0), hours=20, vertical="constant-height")
    assert not free.attrs["warnings"]


@pytest.mark.parametrize("file", ["ngm1995/oct1618.BIN", "gdas2010/gdas_042.bin"])
@pytest.mark.parametrize("hours", [24, -24])
def test_isentropic_on_real_air_keeps_theta(shared_data, file, hours):
    """From temperature and pressure told along the path, so not from the field that is followed."""
    met = open_met(shared_data / "met" / file)
    grid, rng = grid_of(met), np.random.default_rng(0)
    lon, lat = grid.to_lonlat(rng.uniform(4, grid.nx - 5, 60), rng.uniform(4, grid.ny - 5, 60))
    times = met["time"].to_index().tz_localize("UTC")
    begin = times[0] if hours > 0 else times[0] + pd.Timedelta(hours=24)
    starts = pd.DataFrame({"receptor": "a", "time": begin, "lon": lon, "lat": lat})
    starts["height_m_agl"] = rng.uniform(50.0, 3000.0, 60)
    options = Integration(along=("temperature",))
    points = trajectories(met, starts, hours=hours, vertical="isentropic", options=options)
    theta = points["temperature_k"] * (1000.0 / points["pressure_hpa"]) ** 0.286
    drift = (theta - theta.groupby(points["trajectory"]).transform("first")).abs()
    lifted = points["height_m_agl"] > 0.0
    assert drift[lifted].max() < 0.5
    assert lifted.mean() > 0.5
    assert np.ptp(points["height_m_agl"][lifted]) > 1000.0
    touching = points[~lifted]["trajectory"].nunique()
    assert f"surface meets the ground on {touching} paths" in points.attrs["warnings"][-1]


def test_round_the_earth_and_over_the_dateline(tools):
    met = tools.make(tools.latlon(0.0, -20.0, 2.5, 144, 17), lambda lon, lat: (0 * lon + 40.0, 0 * lat), hours=30)
    points = trajectories(met, tools.start(NOON, 175.0, 0.0), hours=30)
    assert points["end_reason"].iloc[0] == "completed"
    want = (175.0 + np.degrees(40.0 * 3600.0 * points["age_h"] / EARTH_RADIUS_M) + 180.0) % 360.0 - 180.0
    np.testing.assert_allclose(points["lon"], want, atol=1e-4)
    start_lon = pd.concat([tools.start(NOON, -1.5, 5.0), tools.start(NOON, 358.5, 5.0)], ignore_index=True)
    twice = trajectories(met, start_lon, hours=5)
    np.testing.assert_array_equal(twice["lon"][:6], twice["lon"][6:])


# 20 m/s about an axis on the equator: north along the meridian of Greenwich, over the pole, south along the dateline.
OVER = (np.array([0.0, -1.0, 0.0]), 20.0 / EARTH_RADIUS_M)


@pytest.fixture(scope="module")
def whole_earth(tools):
    return tools.make(tools.latlon(-180.0, -90.0, 1.0, 360, 181), lambda lon, lat: rotation_wind(lon, lat, *OVER))


@pytest.mark.parametrize("method", ["petterssen", "midpoint", "rk4"])
@pytest.mark.parametrize("step", [None, 10.0])
def test_paths_go_over_the_poles(whole_earth, tools, step, method):
    options = Integration(method=method, step_minutes=step)
    places = [(0.0, 84.0), (0.0, 78.5), (12.0, 85.0), (180.0, -83.0), (-170.0, -85.0)]
    starts = pd.concat([tools.start(NOON, lon, lat) for lon, lat in places], ignore_index=True)
    points = trajectories(whole_earth, starts, hours=24, vertical="isosigma", options=options)
    for number, (lon, lat) in enumerate(places, start=1):
        path = points[points["trajectory"] == number]
        assert path["end_reason"].iloc[-1] == "completed"
        there = [turned(lon, lat, 3600.0 * age, *OVER) for age in path["age_h"]]
        apart = tools.separation_km(path["lon"], path["lat"], *np.transpose(there))
        # Of 1728 km over the pole; winds between the points of a grid of one degree cost some of it.
        assert apart.max() < 0.5
    back = trajectories(
        whole_earth,
        points.groupby("trajectory").last().reset_index()[["receptor", "time", "lon", "lat", "height_m_agl"]],
        hours=-24,
        vertical="isosigma",
        options=options,
    ).groupby("trajectory")
    home = back.last()
    assert tools.separation_km(home["lon"], home["lat"], *np.transpose(places)).max() < 0.05


def test_lines_are_split_at_the_dateline(tools):
    met = tools.make(tools.latlon(170.0, -20.0, 1.0, 31, 41), lambda lon, lat: (0 * lon + 40.0, 0 * lat + 5.0))
    points = trajectories(met, tools.start(NOON, 175.0, 0.0), hours=12)
    lines = trajectory_lines(points)
    assert lines.crs.to_epsg() == 4326
    row = lines.iloc[0]
    assert isinstance(row.geometry, shapely.MultiLineString)
    assert len(row.geometry.geoms) == 2
    assert row.geometry.bounds[0] == -180.0
    assert row.geometry.bounds[2] == 180.0
    assert all(part.length < 20.0 for part in row.geometry.geoms)
    assert (row["n_points"], row["hours"], row["end_reason"], row["height_m_agl"]) == (13, 12.0, "completed", 500.0)


def test_a_path_of_one_point_is_a_line_of_no_length(tools):
    met = tools.make(tools.latlon(0.0, 30.0, 0.5, 21, 21), lambda lon, lat: (0 * lon + 40.0, 0 * lat))
    line = trajectory_lines(trajectories(met, tools.start(NOON, 9.9, 35.0), hours=5)).iloc[0]
    assert (line["n_points"], line["end_reason"], line.geometry.length) == (1, "left_domain", 0.0)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"lon": 50.0}, InvalidInput, r"row 1: 40 N 50 E lies outside the meteorology, which covers 30.0 to 50.0 N"),
        ({"lat": 119.0}, InvalidInput, "row 1: lat 119 is not between -90 and 90"),
        ({"lat": np.nan}, InvalidInput, "row 1: lat nan"),
        ({"lat": "north"}, InvalidInput, "column lat holds what is not a number .*north"),
        ({"height": -5.0}, InvalidInput, "row 1: height_m_agl -5 is below ground"),
        ({"height": 10_500.0}, InvalidInput, "row 1: 10500 m lies above the top of 10000 m"),
        (
            {"time": "2020-03-05T00:00Z"},
            MissingData,
            "2020-03-05T00:00Z lies outside; the meteorology covers 2020-02-28",
        ),
        ({"time": "2020-02-29T12:00Z"}, MissingData, "no way forward from its last time"),
    ],
)
def test_bad_starts_are_one_clear_line(eastward, tools, change, error, match):
    good = {"time": NOON, "lon": 5.0, "lat": 40.0, "height": 500.0}
    with pytest.raises(error, match=match) as caught:
        trajectories(eastward, tools.start(**{**good, **change}), hours=5)
    assert "\n" not in str(caught.value)


def test_bad_requests_are_one_clear_line(eastward, tools):
    start = tools.start(NOON, 5.0, 40.0)
    with pytest.raises(InvalidInput, match="0 h has no length"):
        trajectories(eastward, start, hours=0)
    with pytest.raises(InvalidInput, match="'up' is not known"):
        trajectories(eastward, start, hours=5, vertical="up")
    with pytest.raises(InvalidInput, match="table is empty"):
        trajectories(eastward, start.iloc[:0], hours=5)
    with pytest.raises(InvalidInput, match=r"columns \['lat'\] are missing"):
        trajectories(eastward, start.drop(columns="lat"), hours=5)
    with pytest.raises(InvalidInput, match="has no zone"):
        trajectories(eastward, start.assign(time=start["time"].dt.tz_localize(None)), hours=5)
    for options, match in [
        (Integration(method="euler"), "'euler' is not known"),
        (Integration(step_minutes=90.0), "step of 90 min"),
        (Integration(output_minutes=0.0), "output every 0 min"),
        (Integration(top_m=10.0), "top of 10 m"),
    ]:
        with pytest.raises(InvalidInput, match=match):
            trajectories(eastward, start, hours=5, options=options)


def test_a_start_exactly_on_the_edge_is_inside(eastward, tools):
    points = trajectories(eastward, tools.start(NOON, 0.0, 30.0), hours=5)
    assert points["end_reason"].iloc[0] == "completed"


@pytest.mark.parametrize("vertical", VERTICALS)
def test_every_vertical_option_runs_both_ways(eastward, tools, vertical):
    forward = trajectories(eastward, tools.start(NOON, 5.0, 40.0), hours=5, vertical=vertical)
    back = trajectories(eastward, tools.start("2020-02-29T12:00Z", 15.0, 40.0), hours=-5, vertical=vertical)
    assert np.isfinite(forward[["lon", "lat", "height_m_agl", "pressure_hpa"]].to_numpy()).all()
    assert back["lon"].iloc[-1] < 15.0


def test_what_was_assumed_is_said(eastward, tools):
    start = tools.start(NOON, 5.0, 40.0)
    assert trajectories(eastward, start, hours=2).attrs["warnings"] == []
    silent = eastward.drop_vars(["u10", "v10", "zs"])
    warnings = trajectories(silent, start, hours=2).attrs["warnings"]
    assert len(warnings) == 2
    assert "roughness of 0.2 m" in warnings[0]
    assert "surface pressure" in warnings[1]
    assert len(trajectories(silent, start, hours=2, options=Integration(roughness=0.1)).attrs["warnings"]) == 1


def test_what_the_reader_assumed_is_told_with_the_result(eastward, tools):
    met = eastward.assign_attrs(assumed=["高度取自标准大气 / heights of the standard atmosphere"])
    told = trajectories(met, tools.start(NOON, 5.0, 40.0), hours=2).attrs["warnings"]
    assert told == ["高度取自标准大气 / heights of the standard atmosphere"]


def test_a_wind_near_the_ground_alone_serves_one_vertical_motion(eastward, tools):
    met = eastward.assign_attrs(only_vertical="constant-height")
    with pytest.raises(MissingData, match="constant-height"):
        trajectories(met, tools.start(NOON, 5.0, 40.0), hours=2, vertical="omega")
    kept = trajectories(met, tools.start(NOON, 5.0, 40.0), hours=2, vertical="constant-height")
    assert kept["end_reason"].iloc[-1] == "completed"
