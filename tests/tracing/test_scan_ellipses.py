"""Ellipses against SaTScan's published answers, a search without any trick, laws; and early stopping."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import InvalidInput
from geo.geodesic import GEOD
from tracing.scan import Options, scan
from tracing.scan_ellipses import PENALTIES, SHAPES, ellipse_measures
from tracing.scan_simulation import Setting, draw, generator, maxima
from tracing.scan_study import Study, make_zones
from tracing.scan_tables import Tables, make_study

# SaTScan 9.6 on these tracts, at most 10 % of the population, Cartesian with latitude as x: rank, members, cases,
# expected, axis ratio, log-likelihood ratio, test statistic, p.
CIRCLES = """
1|1-6 9-18 35-38 47-52|85|49.71|1|11.577255|11.577255|0.001
2|84-90 92|38|17.79|1|9.019716|9.019716|0.013
3|110-127 131-134 138-142 215-220|64|40.85|1|6.114140|6.114140|0.216
4|62 64 65 67|25|12.82|1|4.651839|4.651839|0.609
5|41 43-46 53 54|28|15.54|1|4.169203|4.169203|0.755
6|265-267 281|12|5.14|1|3.363518|3.363518|0.961
7|159 166 167|11|4.61|1|3.209485|3.209485|0.976
"""
NONE = """
1|1 2 11-17 37-41 43-50 52-54|96|53.59|4|15.416469|15.416469|0.00046
2|84-89 92 102 103 251 259 261 265 266 280 281|55|27.78|5|11.061167|11.061167|0.013
3|111 113-127 130-133 135 220|55|29.32|4|9.562963|9.562963|0.062
4|166 167 170 171|17|6.37|4|6.154083|6.154083|0.640
5|62 64 65 67 68|28|14.35|4|5.244377|5.244377|0.872
"""
MEDIUM = """
1|1-3 11-17 37-40 43-53|93|52.03|1.5|14.772705|14.474236|0.00019
2|85-90 92|37|16.44|2|9.860447|9.296518|0.024
3|110-127 130-133 135 219 220|57|31.03|3|9.347892|8.095512|0.080
4|166 167 170 171|17|6.37|4|6.154083|4.923266|0.768
5|62 64 65 67|25|12.82|1|4.651839|4.651839|0.845
6|77 102 103 106 230|19|8.13|4|5.369233|4.295386|0.922
7|265 266 281|11|4.21|1.5|3.820132|3.742950|0.989
"""
STRONG = """
1|1-3 11-17 37-40 43-53|93|52.03|1.5|14.772705|14.181797|0.00016
2|84-90 92|38|17.79|1|9.019716|9.019716|0.023
3|110-126 131-134 138 139 218-220|57|32.25|2|8.311580|7.388071|0.121
4|62 64 65 67|25|12.82|1|4.651839|4.651839|0.768
5|166 167 170 171|17|6.37|4|6.154083|3.938613|0.931
6|265 266 281|11|4.21|1.5|3.820132|3.667327|0.974
7|77 102 103 106 230|19|8.13|4|5.369233|3.436309|0.990
"""
PUBLISHED = {"circle": CIRCLES, "none": NONE, "medium": MEDIUM, "strong": STRONG}


def members_of(text: str) -> list[str]:
    """Read 1-3 7 as 1, 2, 3, 7."""
    parts = [part.split("-") for part in text.split()]
    return [str(k) for part in parts for k in range(int(part[0]), int(part[-1]) + 1)]


@pytest.fixture(scope="module")
def tracts(shared_data) -> Study:
    table = pd.read_csv(shared_data / "hotspots" / "upstate_new_york" / "tracts.csv", dtype={"id": "str"})
    places = table.rename(columns={"latitude": "x", "longitude": "y"})[["id", "x", "y"]]
    return make_study(Tables(table[["id", "cases"]], places, table[["id", "population"]], cartesian=True), "poisson")


@pytest.mark.parametrize("name", PUBLISHED)
def test_satscan_finds_the_same_clusters(tracts: Study, name: str) -> None:
    options = Options(max_share=0.1, replications=99, ellipses=name != "circle", penalty=name.replace("circle", "none"))
    found = scan(tracts, options)
    rows = [line.split("|") for line in PUBLISHED[name].strip().splitlines()]
    for (rank, members, cases, expected, ratio, llr, statistic, p), row in zip(rows, found.itertuples(), strict=False):
        assert row.rank == int(rank)
        assert row.members.split(",") == members_of(members)
        assert (row.cases, round(row.expected, 2)) == (int(cases), float(expected))
        assert row.axis_ratio == float(ratio)
        assert f"{row.llr:.6f}" == llr
        assert f"{row.test_statistic:.6f}" == statistic
        # Both are from Monte Carlo runs, 999 and 99 replications: four standard errors.
        error = np.sqrt(float(p) * (1.0 - float(p)) * (1 / 999 + 1 / 99)) + 1 / 100
        assert row.p_value == pytest.approx(float(p), abs=4.0 * error)
        assert abs(row.p_gumbel - float(p)) < 4.0 * error
    assert len(found) >= len(rows)


def made(*, places=9, cases=60, seed=0, cartesian=True) -> Study:
    rng = np.random.default_rng(seed)
    counts = np.bincount(rng.integers(0, places, cases), minlength=places).astype(float)[:, None]
    table = pd.DataFrame({"id": [f"p{k}" for k in range(places)]})
    table["x"], table["y"] = 119.0 + rng.uniform(0, 1, places), 34.0 + rng.uniform(0, 1, places)
    measure = rng.uniform(0.5, 2.0, (places, 1))
    return Study("poisson", table, cartesian, counts, measure * cases / measure.sum())


@pytest.mark.parametrize("cartesian", [True, False])
def test_the_best_ellipse_is_that_of_a_search_without_any_trick(cartesian: bool) -> None:
    study = made(seed=4, cartesian=cartesian)
    x, y = study.places["x"].to_numpy(), study.places["y"].to_numpy()
    c, mu, total = study.cases[:, 0], study.measure[:, 0], study.cases.sum()
    best = 0.0
    for centre in range(len(x)):
        if cartesian:
            east, north = x - x[centre], y - y[centre]
        else:
            azimuth, _, away = GEOD.inv(*np.broadcast_arrays(x[centre], y[centre], x, y))
            east, north = away * np.sin(np.radians(azimuth)), away * np.cos(np.radians(azimuth))
        for ratio, directions in SHAPES:
            for k in range(directions):
                angle = np.radians(180.0 * k / directions)
                along = east * np.cos(angle) + north * np.sin(angle)
                across = north * np.cos(angle) - east * np.sin(angle)
                d = np.hypot(along / ratio, across)
                for radius in d:
                    zone = d <= radius * (1 + 1e-9)
                    n, e = c[zone].sum(), mu[zone].sum()
                    if n < 2 or n <= e or e > 0.5 * total:
                        continue
                    llr = n * np.log(n / e) + (total - n) * np.log((total - n) / (total - e))
                    best = max(best, llr * np.sqrt(4 * ratio / (ratio + 1) ** 2))
    first = scan(study, Options(replications=0, ellipses=True)).iloc[0]
    assert first["test_statistic"] == pytest.approx(best, rel=1e-9)
    assert first.geometry is None or first.geometry.is_valid


def test_a_long_row_of_cases_is_an_ellipse_and_is_drawn_around_its_members() -> None:
    n = 11
    x, y = np.meshgrid(119.0 + 0.05 * np.arange(n), 34.0 + 0.05 * np.arange(n))
    counts = np.where((np.abs(y - 34.25) < 0.01) & (np.abs(x - 119.25) < 0.16), 9.0, 1.0).ravel()[:, None]
    places = pd.DataFrame({"id": [str(k) for k in range(n * n)], "x": x.ravel(), "y": y.ravel()})
    places.attrs["lonlat"] = True
    for cartesian in (True, False):
        study = Study("poisson", places, cartesian, counts, np.full((n * n, 1), counts.sum() / n**2))
        first = scan(study, Options(replications=0, ellipses=True, penalty="none")).iloc[0]
        assert first["axis_ratio"] > 2.0
        assert first["angle_deg"] in (0.0, 20.0, 160.0)
        members = [int(name) for name in first["members"].split(",")]
        inside = [first.geometry.covers(point) for point in shapely.points(places["x"], places["y"])]
        assert np.flatnonzero(inside).tolist() == sorted(members)
        circles = scan(study, Options(replications=0)).iloc[0]
        assert first["llr"] >= circles["llr"]


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 5000), turns=st.integers(0, 3), factor=st.floats(0.01, 100.0))
def test_quarter_turns_and_stretching_change_nothing(seed, turns, factor) -> None:
    # Every set of directions but those of 9 and 15 holds its quarter turns; half turns it always does.
    study = made(seed=seed)
    x, y = study.places["x"].to_numpy() - 119.5, study.places["y"].to_numpy() - 34.5
    sign = -1.0 if turns % 2 else 1.0
    other = replace(study, places=study.places.assign(x=sign * factor * x, y=sign * factor * y))
    options = Options(replications=0, ellipses=True)
    one, two = (scan(s, options).iloc[0] for s in (study, other))
    assert two["test_statistic"] == pytest.approx(one["test_statistic"], rel=1e-9)


def test_ellipses_hold_all_circles_and_penalties_only_lower() -> None:
    study = made(places=20, cases=200, seed=2)
    values = [scan(study, Options(replications=0, ellipses=True, penalty=name)).iloc[0] for name in PENALTIES]
    circle = scan(study, Options(replications=0)).iloc[0]["llr"]
    statistics = [row["test_statistic"] for row in values]
    assert statistics == sorted(statistics, reverse=True)
    assert statistics[-1] >= circle - 1e-9


def test_p_values_of_ellipses_are_uniform_where_there_is_nothing() -> None:
    study = made(places=10, cases=60, seed=1)
    zones = make_zones(study, measures=ellipse_measures(study, "medium"))
    base = Setting.of(study, zones, 1, prospective=False)
    p = np.array(
        [
            scan(
                replace(study, cases=np.diff(draw(base, generator(7, k)), axis=1)),
                Options(replications=19, seed=k, ellipses=True),
            ).iloc[0]["p_value"]
            for k in range(40)
        ]
    )
    for level in (0.2, 0.5):
        assert (p <= level + 1e-9).mean() == pytest.approx(level, abs=3 * np.sqrt(level * (1 - level) / 40))


def test_early_stopping_is_the_rule_of_besag_and_clifford() -> None:
    study = made(places=20, cases=200, seed=2)
    full = scan(study, Options(replications=999, seed=3))
    found = scan(study, Options(replications=999, seed=3, stop_after=10))
    zones = make_zones(study)
    numbers = maxima(Setting.of(study, zones, 1, prospective=False), 3, 999)
    high = np.flatnonzero(numbers >= full.iloc[0]["llr"] * (1 - 1e-10))
    assert high.size > 10
    stop = high[9] + 1
    assert found.iloc[0]["p_value"] == pytest.approx(10 / stop)
    assert f"Stopped after {stop} replications: 10 had as high a maximum." in found.attrs["warnings"]
    assert found.iloc[0]["llr"] == full.iloc[0]["llr"]
    # A strong cluster goes the whole way.
    heavy = replace(study, cases=study.cases + np.eye(20)[:, :1] * 80)
    whole = scan(heavy, Options(replications=99, stop_after=10))
    assert whole.iloc[0]["p_value"] == pytest.approx(0.01)
    assert whole.attrs["warnings"] == []


def test_stopping_does_not_depend_on_the_batches() -> None:
    study = made(places=15, cases=100, seed=6)

    def one_by_one(setting, seed, count, *, first=0):
        return np.concatenate([maxima(setting, seed, 1, first=first + k) for k in range(count)])

    options = Options(replications=400, seed=5, stop_after=7)
    one, two = scan(study, options), scan(study, options, run=one_by_one)
    pd.testing.assert_frame_equal(pd.DataFrame(one), pd.DataFrame(two))


def test_early_stopping_keeps_the_level() -> None:
    study = made(places=10, cases=60, seed=1)
    base = Setting.of(study, make_zones(study), 1, prospective=False)
    p = np.array(
        [
            scan(
                replace(study, cases=np.diff(draw(base, generator(8, k)), axis=1)),
                Options(replications=99, seed=k, stop_after=5),
            ).iloc[0]["p_value"]
            for k in range(100)
        ]
    )
    for level in (0.05, 0.2):
        assert (p <= level + 1e-9).mean() <= level + 3 * np.sqrt(level * (1 - level) / 100)


def test_what_ellipses_and_stopping_refuse() -> None:
    study = made()
    with pytest.raises(InvalidInput, match="--penalty harsh"):
        scan(study, Options(ellipses=True, penalty="harsh"))
    with pytest.raises(InvalidInput, match="--stop-after -1"):
        scan(study, Options(stop_after=-1))
    timed = replace(study, steps=pd.date_range("2024-01-01", periods=2), step="day")
    with pytest.raises(InvalidInput, match="space alone"):
        scan(timed, Options(ellipses=True))
    many = made(places=1500, cases=2000)
    with pytest.raises(InvalidInput, match="too many for ellipses"):
        scan(many, Options(ellipses=True, replications=0))
