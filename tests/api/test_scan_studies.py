"""The three published studies from their files, each against a search that tries every zone and window in turn."""

from pathlib import Path

import numpy as np
import pytest

from api.processes.context import Context
from api.processes.scan_inputs import Columns, read_tables
from tracing.scan import Options, scan
from tracing.scan_study import Study, distances, longest_window
from tracing.scan_tables import make_study


def best_by_hand(study: Study, options: Options) -> tuple[float, set[str], int, int]:
    """Return the ratio, the members and the window [first, stop) of the most likely cluster."""
    ids, weight = study.places["id"].to_numpy(), study.measure.sum(axis=1)
    total, steps = study.cases.sum(), study.cases.shape[1]
    scale = total / study.measure.sum()
    best = (0.0, set(), 0, 0)
    for centre in range(len(ids)):
        away = distances(study, centre)
        for radius in np.unique(away):
            zone = away <= radius * (1 + 1e-9)
            if weight[zone].sum() > options.max_share * weight.sum() or radius > (options.max_radius or np.inf):
                break
            cases, measure = study.cases[zone].sum(axis=0), study.measure[zone].sum(axis=0) * scale
            for first in range(steps):
                for stop in range(first + 1, min(first + longest_window(study, options.max_days), steps) + 1):
                    c, mu = cases[first:stop].sum(), measure[first:stop].sum()
                    if c < 2 or c <= mu or (options.prospective and stop != steps):
                        continue
                    rest = total - c
                    ratio = c * np.log(c / mu) + (rest * np.log(rest / (total - mu)) if rest else 0.0)
                    if ratio > best[0] * (1 + 1e-12):
                        best = (ratio, set(ids[zone]), first, stop)
    return best


STUDIES = {
    "nyc_fever": (
        ("NYCfevercas.csv", "cases", "date", "zip", None, "NYCfevergeo.csv", None),
        "space-time-permutation",
        Options(max_days=7, max_radius=3.0, prospective=True),
        (192, 194, 3, 0),
    ),
    "new_mexico": (
        ("NMcas.csv", "cases", "year", "county", "lat,long", "NMgeo.csv", "NMpop.csv"),
        "poisson",
        Options(),
        (32, 1175, 3, 1),
    ),
    "upstate_new_york": (
        ("tracts.csv", "cases", None, "id", "longitude,latitude", None, "tracts.csv"),
        "poisson",
        Options(max_share=0.1),
        (281, 552, 7, 2),
    ),
}


@pytest.mark.parametrize("name", STUDIES)
def test_the_most_likely_cluster_of_each_study(shared_data: Path, tmp_path: Path, name: str) -> None:
    (file, cases, time, place, cartesian, places, people), model, options, facts = STUDIES[name]
    folder = shared_data / "hotspots" / name
    tables, _ = read_tables(
        Context(tmp_path / "ws"),
        str(folder / file),
        Columns(cases, time, place, None, cartesian, "auto"),
        places=None if places is None else str(folder / places),
        population=None if people is None else str(folder / people),
    )
    study = make_study(tables, model)
    found = scan(study, options)
    ratio, members, first, stop = best_by_hand(study, options)
    top = found.iloc[0]
    assert f"{top['llr']:.6f}" == f"{ratio:.6f}"
    assert set(top["members"].split(",")) == members
    if study.steps is not None:
        assert top["start"] == f"{study.steps[first]:%Y-%m-%d}"
        assert top["end"] < f"{study.steps[stop]:%Y-%m-%d}"
    n_places, n_cases, n_clusters, n_sure = facts
    assert (len(study.places), study.cases.sum()) == (n_places, n_cases)
    assert len(found) >= n_clusters
    assert (found["p_value"] <= 0.05).sum() == n_sure
