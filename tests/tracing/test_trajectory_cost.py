"""What a run would cost, against counts by hand."""

import numpy as np
import pandas as pd
import pytest

from tracing.trajectory import Integration
from tracing.trajectory_cost import cost_of
from tracing.trajectory_groups import Group, chunk_size, runs_per_start, tapering_chunks


def cost(met, times, *, hours=-6.0, threads=2, **options):
    starts = pd.DataFrame({"time": pd.to_datetime(times, utc=True)})
    return cost_of(
        met,
        starts,
        per_time=10,
        hours=hours,
        vertical="omega",
        options=Integration(**options),
        threads=threads,
        streamed=True,
    )


def test_counts_are_those_by_hand(eastward):
    # Two times, ten starts each, 36 steps of 10 min and 7 points; winds from 12:00 to 20:00.
    one = cost(eastward, ["2020-02-28T18:00", "2020-02-28T20:00"], step_minutes=10.0)
    assert (one.paths, one.points, one.steps, one.times, one.windows) == (20, 140, 720, 9, 1)
    back = cost(eastward, ["2020-02-28T18:00", "2020-02-28T20:00"], step_minutes=10.0, error="there-and-back")
    assert back.steps == 720 * runs_per_start(Integration(error="there-and-back")) > 720
    many = cost(eastward, ["2020-02-28T18:00"], step_minutes=10.0, ensemble=True)
    assert (many.paths, many.points) == (270, 1890)
    assert many.winds_bytes == pytest.approx(2 * cost(eastward, ["2020-02-28T18:00"], step_minutes=10.0).winds_bytes)


def test_more_threads_take_less_time_and_smaller_chunks_hold_longer_paths(eastward):
    times = ["2020-02-28T18:00"]
    assert cost(eastward, times, threads=4).seconds < cost(eastward, times, threads=1).seconds
    sizes = [chunk_size(hours, Integration(step_minutes=10.0)) for hours in (-6.0, -72.0, -720.0)]
    assert sizes == sorted(sizes, reverse=True)
    assert min(sizes) > 100
    assert chunk_size(-10_000.0, Integration(ensemble=True, error="there-and-back", output_minutes=1.0)) == 1


@pytest.mark.parametrize(("count", "threads"), [(1, 2), (230, 2), (100_000, 1), (100_000, 2), (100_000, 64)])
def test_chunks_of_a_cluster_taper_so_that_its_threads_end_together(count, threads):
    rows = np.arange(7, 7 + count)
    options = Integration(step_minutes=10.0)
    parts = tapering_chunks(Group(rows, (pd.NaT, pd.NaT)), -72.0, options, threads=threads)
    np.testing.assert_array_equal(np.concatenate(parts), rows)
    sizes = [part.size for part in parts]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] <= chunk_size(-72.0, options)
    assert len(parts) >= min(2 * threads, count // 50)
    # While one thread takes the last chunk the others idle: less than a twentieth of what each has done.
    assert sizes[-1] <= max(50, 0.05 * count / threads)
