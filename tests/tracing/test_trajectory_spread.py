"""Offset ensemble and there-and-back error: what must hold whatever the wind."""

import numpy as np
import pandas as pd
import pytest

from geo.errors import InvalidInput
from tracing.trajectory import Integration, run, trajectories
from tracing.trajectory_spread import OFFSETS, offset_fields
from tracing.vertical import prepare

NOON = "2020-02-28T12:00Z"


@pytest.fixture(scope="module")
def sheared(tools):
    """Eastward wind that grows to the north by 1 m/s per cell of 0.5 degree, and no other."""
    return tools.make(tools.latlon(0.0, 30.0, 0.5, 61, 41), lambda lon, lat: (5.0 + 2.0 * (lat - 40.0), 0.0 * lat))


def test_27_offsets_the_meteorology_as_it_is_first():
    assert len(set(OFFSETS)) == 27
    assert OFFSETS[0] == (0, 0, 0)
    assert np.abs(OFFSETS).max() == 1


def test_members_feel_the_wind_of_the_next_cell(sheared, tools):
    start = tools.start(NOON, 5.0, 40.0)
    points = trajectories(sheared, start, hours=6, vertical="isosigma", options=Integration(ensemble=True))
    assert points["member"].nunique() == 27
    assert (points.groupby("trajectory")["member"].nunique() == 1).all()
    begin = points.groupby("member").first()
    assert (begin["lon"] == 5.0).all()
    assert (begin["height_m_agl"] == 500.0).all()
    gone = points.groupby("member")["lon"].last() - 5.0
    row = np.array([offset[1] for offset in OFFSETS])
    # 4, 5 and 6 m/s: the offset in y alone changes the wind here.
    np.testing.assert_allclose(gone.to_numpy() / gone[1], 1.0 + 0.2 * row, rtol=1e-4)


def test_first_member_is_the_plain_run_and_numbers_do_not_know_chunks(sheared, tools):
    starts = pd.concat([tools.start(NOON, 5.0, lat) for lat in (38.0, 41.0)], ignore_index=True)
    options = Integration(ensemble=True)
    points = trajectories(sheared, starts, hours=3, options=options)
    plain = trajectories(sheared, starts, hours=3)
    first = points[points["member"] == 1].drop(columns="member").reset_index(drop=True)
    assert sorted(points["trajectory"].unique()) == list(range(1, 55))
    pd.testing.assert_frame_equal(first.drop(columns="trajectory"), plain.drop(columns="trajectory"), check_exact=True)


def test_offset_in_height_takes_the_level_above(tools):
    met = tools.make(tools.latlon(0.0, 30.0, 0.5, 21, 21), lambda lon, lat: (0 * lon, 0 * lat))
    height = met["z"].values
    met["u"] = met["u"].copy(data=(0.01 * height).astype(np.float32))
    met["u10"] = met["u10"] * 0.0
    prepared = prepare(met, "isosigma")
    up = prepared.fields._replace(wind=offset_fields(prepared.fields, (0, 0, 1)).wind).wind[0, 5, 5, :, 0]
    sigma = prepared.fields.sigma
    inside = (sigma - 0.01 > sigma[-1]) & (sigma < 0.99)
    # 0.01 sigma are 250 m, and the wind grows by 0.01 m/s per metre.
    grown = up - prepared.fields.wind[0, 5, 5, :, 0]
    np.testing.assert_allclose(grown[inside], 2.5, rtol=0.02)


def test_round_the_earth_the_columns_go_on(tools):
    met = tools.make(tools.latlon(0.0, -10.0, 10.0, 36, 3), lambda lon, lat: (lon, 0 * lat))
    fields = prepare(met, "isosigma").fields
    moved = offset_fields(fields, (1, 0, 0)).wind[0, 1, :, 5, 0]
    here = fields.wind[0, 1, :, 5, 0]
    np.testing.assert_array_equal(moved[:-1], here[1:])
    assert moved[-1] == here[1]


@pytest.mark.parametrize("step", [None, 30.0])
def test_error_grows_along_the_path_and_with_the_step(tools, step):
    met = tools.make(
        tools.latlon(80.0, 10.0, 0.5, 101, 81), lambda lon, lat: (-9.0 * (lat - 30.0) + 0 * lon, 9.0 * (lon - 105.0))
    )
    prepared, start = prepare(met, "isosigma"), tools.start(NOON, 108.0, 30.0)
    options = Integration(step_minutes=step, error="there-and-back")
    points = trajectories(met, start, hours=24, vertical="isosigma", options=options)
    error = points["error_km"].to_numpy()
    assert error[0] == 0.0
    assert (np.diff(error) >= 0.0).all()
    assert error[-1] > 0.0
    fine = run(prepared, start, hours=24, options=Integration(method="rk4", step_minutes=2.0)).iloc[-1]
    end = points.iloc[-1]
    true = float(tools.separation_km(end["lon"], end["lat"], fine["lon"], fine["lat"]))
    assert true / 30 < error[-1] < 30 * max(true, 0.01)
    plain = trajectories(met, start, hours=24, vertical="isosigma", options=Integration(step_minutes=step))
    pd.testing.assert_frame_equal(points.drop(columns="error_km"), plain, check_exact=True)


def test_no_error_where_the_scheme_is_exact_and_nan_after_an_early_end(eastward, tools):
    options = Integration(error="there-and-back")
    points = trajectories(eastward, tools.start(NOON, 2.0, 40.0), hours=12, options=options)
    assert points["error_km"].max() < 1e-3
    starts = pd.concat([tools.start(NOON, lon, 40.0) for lon in (2.0, 19.5)], ignore_index=True)
    both = trajectories(eastward, starts, hours=12, options=options)
    assert np.isfinite(both.loc[both["trajectory"] == 1, "error_km"]).all()
    assert both.loc[both["trajectory"] == 2, "end_reason"].iloc[0] == "left_domain"
    with pytest.raises(InvalidInput, match="'halved' is not known; use there-and-back"):
        trajectories(eastward, starts, hours=2, options=Integration(error="halved"))
