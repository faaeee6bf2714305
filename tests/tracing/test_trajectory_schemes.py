"""The integration schemes: order of convergence, reversal, and the same bytes however the particles are shared out."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import InvalidInput
from tracing.met.grid import METRES_PER_DEGREE
from tracing.trajectory_blocks import follow, regular
from tracing.trajectory_kernel import follow_paths
from tracing.trajectory_run import METHODS, Integration, _plan, kernel_starts, run
from tracing.vertical import VERTICALS, prepare

NOON = pd.Timestamp("2020-02-28T12:00Z")
ORDER = {"petterssen": 2, "midpoint": 2, "rk4": 4}


@pytest.fixture(scope="module")
def shear(tools):
    """Wind linear along the rows, u = a + b lat and v = c: exact under interpolation; the path is known."""
    return tools.make(
        tools.latlon(80.0, 10.0, 0.5, 101, 81), lambda lon, lat: (5.0 + 0.5 * (lat - 20.0), 5.0 + 0 * lon)
    )


@pytest.fixture(scope="module")
def whirl(tools):
    """A wind that turns about 105 E, 30 N and grows with the distance from it: linear in both directions."""
    return tools.make(
        tools.latlon(80.0, 10.0, 0.5, 101, 81), lambda lon, lat: (-6.0 * (lat - 30.0) + 0 * lon, 6.0 * (lon - 105.0))
    )


@pytest.fixture(scope="module")
def prepared_whirl(whirl):
    return prepare(whirl, "omega")


@pytest.fixture(scope="module")
def prepared_shear(shear):
    return prepare(shear, "isosigma")


def many(n: int, seed: int = 3, minutes: tuple[int, ...] = (0,)) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    late = pd.to_timedelta(rng.choice(np.array(minutes), n), unit="min")
    return pd.DataFrame(
        {
            "receptor": [f"r{k % 5}" for k in range(n)],
            "time": NOON + pd.Timedelta(hours=12) + late,
            "lon": rng.uniform(90, 120, n),
            "lat": rng.uniform(18, 42, n),
            "height_m_agl": rng.uniform(0, 3000, n),
        }
    )


@pytest.mark.parametrize("method", METHODS)
def test_each_scheme_converges_in_its_order(whirl, tools, method):
    prepared = prepare(whirl, "isosigma")
    start = tools.start(str(NOON), 107.0, 30.0)

    def end(step: float, scheme: str = method) -> pd.Series:
        return run(prepared, start, hours=18, options=Integration(method=scheme, step_minutes=step)).iloc[-1]

    fine = end(2.0, "rk4")
    errors = [float(tools.separation_km(*(end(step)[["lon", "lat"]]), *(fine[["lon", "lat"]]))) for step in (60, 30)]
    order = np.log2(errors[0] / errors[1])
    assert abs(order - ORDER[method]) < 0.5, errors


def test_a_smaller_share_of_a_cell_means_smaller_steps(whirl, tools):
    """5 m/s over cells of 48 km: 0.75 of one takes more than 60 min, 0.05 of one between 6 and 10 min."""
    prepared, start = prepare(whirl, "isosigma"), tools.start(str(NOON), 105.83, 30.0)

    def lat(**options) -> np.ndarray:
        return run(prepared, start, hours=1, options=Integration(**options))["lat"].to_numpy()

    # A fixed step goes through the kernel that is in single precision.
    np.testing.assert_allclose(lat(), lat(step_minutes=60.0), atol=1e-6)
    np.testing.assert_allclose(lat(cells_per_step=0.05), lat(step_minutes=6.0), atol=1e-6)
    assert np.abs(lat() - lat(step_minutes=6.0)).max() > 3e-6
    for share in (0.0, 1.5, float("nan")):
        with pytest.raises(InvalidInput, match="cells a step"):
            Integration(cells_per_step=share).check()


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=15, deadline=None)
@given(lon=st.floats(98, 112), lat=st.floats(22, 38), height=st.floats(20, 2500), step=st.sampled_from([5, 10, 15, 30]))
def test_back_again_on_the_same_steps(prepared_whirl, tools, method, lon, lat, height, step):
    prepared = prepared_whirl
    options = Integration(method=method, step_minutes=step, output_minutes=60.0)
    out = run(prepared, tools.start(str(NOON), lon, lat, height), hours=6, options=options)
    far = out.iloc[-1]
    turn = tools.start(str(far["time"]), far["lon"], far["lat"], far["height_m_agl"])
    home = run(prepared, turn, hours=-6, options=options).iloc[-1]
    path = float(np.sum(tools.separation_km(out["lon"][:-1], out["lat"][:-1], out["lon"][1:], out["lat"][1:])))
    # Two schemes of second order miss by the third power of the step, times the steps.
    assert tools.separation_km(home["lon"], home["lat"], lon, lat) < 1e-6 * step**2 * path + 1e-3


@settings(max_examples=25, deadline=None)
@given(lat=st.floats(15, 30), hours=st.integers(1, 20), method=st.sampled_from(METHODS))
def test_a_linear_shear_gives_the_known_path(prepared_shear, tools, lat, hours, method):
    """v is constant, so latitude is exact; longitude is the integral of u / cos(lat)."""
    options = Integration(method=method, step_minutes=5.0)
    end = run(prepared_shear, tools.start(str(NOON), 90.0, lat), hours=hours, options=options).iloc[-1]
    at = np.linspace(0.0, hours * 3600.0, 20_001)
    north = lat + 5.0 * at / METRES_PER_DEGREE
    east = np.trapezoid((5.0 + 0.5 * (north - 20.0)) / (METRES_PER_DEGREE * np.cos(np.radians(north))), at)
    assert end["lat"] == pytest.approx(north[-1], abs=2e-5)
    assert end["lon"] == pytest.approx(90.0 + east, abs=5e-4)


@pytest.mark.parametrize("vertical", VERTICALS)
@pytest.mark.parametrize("method", METHODS)
def test_together_and_one_by_one_agree(whirl, vertical, method):
    prepared, starts = prepare(whirl, vertical), many(40, minutes=(0, 7, 90))
    options = Integration(method=method, step_minutes=5.0, output_minutes=50.0)
    plan, begin = _plan(-5, options), kernel_starts(prepared, starts, options, np.arange(1, 41))
    alone, alone_ends = np.full((4, 40, 7), np.nan), np.zeros((40, 2), np.int64)
    follow_paths(prepared.fields, plan, np.arange(40), begin, alone, alone_ends)
    together, ends = np.full((4, 40, 7), np.nan), np.zeros((40, 2), np.int64)
    follow(prepared.fields, plan, begin, (together, ends))
    np.testing.assert_array_equal(ends, alone_ends)
    np.testing.assert_allclose(together[:2], alone[:2], atol=2e-5)
    np.testing.assert_allclose(together[2:], alone[2:], rtol=2e-6, atol=0.05)


def test_together_only_where_every_output_lies_on_a_step():
    plan = _plan(-5, Integration(step_minutes=10.0, output_minutes=50.0))
    assert regular(plan)
    assert not regular(plan._replace(output=45.0))
    assert not regular(plan._replace(minutes=-305.0))
    assert not regular(plan._replace(step=0.0))


@pytest.mark.parametrize(("step", "output"), [(10.0, 60.0), (None, 60.0), (7.0, 60.0)])
@pytest.mark.parametrize("vertical", ["omega", "isentropic"])
def test_threads_chunks_and_order_do_not_show(whirl, monkeypatch, vertical, step, output):
    monkeypatch.setattr("tracing.trajectory_blocks._SMALLEST_BLOCK", 10)
    prepared = prepare(whirl, vertical)
    starts = many(120, minutes=(0, 10, 20, 35, 60)).astype({"receptor": "category"})
    options = Integration(step_minutes=step, output_minutes=output)
    whole = run(prepared, starts, hours=-6, options=options)
    pd.testing.assert_frame_equal(run(prepared, starts, hours=-6, options=options, threads=3), whole, check_exact=True)
    pieces = [
        run(
            prepared,
            starts[i : i + 17],
            hours=-6,
            options=options,
            numbers=np.arange(i + 1, i + 1 + len(starts[i : i + 17])),
        )
        for i in range(0, 120, 17)
    ]
    pd.testing.assert_frame_equal(pd.concat(pieces, ignore_index=True), whole, check_exact=True)
    back = run(prepared, starts[::-1].reset_index(drop=True), hours=-6, options=options)
    back = back.assign(trajectory=121 - back["trajectory"]).sort_values("trajectory", kind="stable", ignore_index=True)
    pd.testing.assert_frame_equal(back, whole, check_exact=True)


def test_round_the_earth_together(tools):
    """A cyclic grid, wide enough for several parts of a row: once round at 60 N, over the seam."""
    met = tools.make(tools.latlon(0.0, 50.0, 2.0, 180, 11), lambda lon, lat: (100.0 + 0 * lon, 0 * lat), hours=60)
    options = Integration(step_minutes=10.0)
    points = run(prepare(met, "isosigma"), tools.start(str(NOON), 170.0, 60.0), hours=60, options=options)
    turned = np.cumsum((np.diff(points["lon"]) + 180.0) % 360.0 - 180.0)
    want = np.degrees(100.0 * 3600.0 * 60.0 / (6_371_200.0 * 0.5))
    assert turned[-1] == pytest.approx(want, rel=2e-4)
    assert want > 360.0
