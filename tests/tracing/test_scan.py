"""The scan against published answers, a search without any trick, and laws that no implementation may break."""

import os
import signal
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import InvalidInput, MissingData
from tracing.scan import Options, gumbel_p, scan
from tracing.scan_jobs import spread_maxima
from tracing.scan_simulation import Setting, draw, generator, maxima
from tracing.scan_study import Study, distances, longest_window, make_zones
from tracing.scan_tables import Tables, make_study

QUICK = Options(replications=19)


def made(model="space-time-permutation", *, places=12, steps=15, cases=90, seed=0, step="day", cartesian=True) -> Study:
    rng = np.random.default_rng(seed)
    counts = np.zeros((places, steps))
    np.add.at(counts, (rng.integers(0, places, cases), rng.integers(0, steps, cases)), 1.0)
    xy = rng.uniform(0.0, 1.0, (places, 2))
    table = pd.DataFrame({"id": [f"p{k}" for k in range(places)], "x": 119 + xy[:, 0], "y": 34 + xy[:, 1]})
    days = pd.date_range("2024-01-01", periods=steps + 1) if step else None
    if model == "space-time-permutation":
        measure = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / cases
    elif model == "poisson":
        measure = rng.uniform(0.5, 2.0, counts.shape)
        measure *= cases / measure.sum()
    else:
        measure = counts + rng.integers(0, 6, counts.shape)
    return Study(model, table, cartesian, counts, measure, days, step)


def ratio(study: Study, c: float, mu: float) -> float:
    total, whole = study.cases.sum(), study.measure.sum()
    if c < 2 or c / mu <= total / whole:
        return 0.0

    def xlog(x: float, y: float) -> float:
        return x * np.log(x / y) if x > 0 else 0.0

    if study.model != "bernoulli":
        return xlog(c, mu) + xlog(total - c, total - mu)
    inside, outside = (c, mu), (total - c, whole - mu)
    return (
        sum(xlog(a, n) + xlog(n - a, n) for a, n in (inside, outside)) - xlog(total, whole) - xlog(whole - total, whole)
    )


def by_hand(study: Study, options: Options) -> tuple[float, set[str], int, int]:
    """Try every cylinder one by one."""
    best = (0.0, set(), 0, 0)
    steps, weight = study.cases.shape[1], study.measure.sum(axis=1)
    for centre in range(len(study.places)):
        away = distances(study, centre)
        for radius in np.unique(away):
            zone = away <= radius
            too_far = options.max_radius is not None and radius > options.max_radius
            if weight[zone].sum() > options.max_share * weight.sum() * (1 + 1e-12) or too_far:
                continue
            for first in range(steps):
                for stop in range(first + 1, min(steps, first + longest_window(study, options.max_days)) + 1):
                    if options.prospective and stop != steps:
                        continue
                    window = slice(first, stop)
                    value = ratio(study, study.cases[zone, window].sum(), study.measure[zone, window].sum())
                    if value > best[0] + 1e-9:
                        best = (value, set(study.places["id"][zone]), first, stop)
    return best


@pytest.mark.parametrize("model", ["space-time-permutation", "poisson", "bernoulli"])
@pytest.mark.parametrize("prospective", [False, True])
@pytest.mark.parametrize("cartesian", [False, True])
def test_the_most_likely_cluster_is_that_of_a_search_without_any_trick(model, prospective, cartesian) -> None:
    study = made(model, seed=3, cartesian=cartesian)
    limits = {"max_radius": 0.45 if cartesian else 50.0, "max_share": 0.4, "max_days": 4}
    options = Options(prospective=prospective, replications=0, **limits)
    first = scan(study, options).iloc[0]
    value, members, start, stop = by_hand(study, options)
    assert first["llr"] == pytest.approx(value, abs=1e-9)
    assert set(first["members"].split(",")) == members
    assert (first["start"], first["end"]) == tuple(study.steps[[start, stop - 1]].strftime("%Y-%m-%d"))


def test_a_ratio_computed_by_hand() -> None:
    # 4 of 8 cases in one of four equal places: 4 ln(4/2) + 4 ln(4/6).
    counts = np.array([[4.0], [2.0], [1.0], [1.0]])
    places = pd.DataFrame({"id": list("abcd"), "x": [0.0, 1.0, 2.0, 3.0], "y": 0.0})
    found = scan(Study("poisson", places, True, counts, np.full((4, 1), 2.0)), Options(replications=0, max_share=0.3))
    assert found.iloc[0]["llr"] == pytest.approx(4 * np.log(2) + 4 * np.log(4 / 6), rel=1e-12)
    assert found.iloc[0]["relative_risk"] == pytest.approx((4 / 2) / (4 / 6))
    assert np.isnan(found.iloc[0]["p_value"])


def tracts(shared_data) -> Study:
    table = pd.read_csv(shared_data / "hotspots" / "upstate_new_york" / "tracts.csv", dtype={"id": "str"})
    places = table.rename(columns={"longitude": "x", "latitude": "y"})[["id", "x", "y"]]
    tables = Tables(table[["id", "cases"]], places, table[["id", "population"]], cartesian=True)
    return make_study(tables, "poisson")


# Published for these tracts and at most 10 % of the population; ratios have six digits after the point.
UPSTATE = (
    (1, "1 2 3 4 5 6 9 10 11 12 13 14 15 16 17 18 35 36 37 38 47 48 49 50 51 52", 85, 49.71, 1.84, 11.577255),
    (2, "84 85 86 87 88 89 90 92", 38, 17.79, 2.22, 9.019716),
    (7, "159 166 167", 11, 4.61, 2.41, 3.209485),
)


@pytest.mark.parametrize(("rank", "members", "cases", "expected", "risk", "llr"), UPSTATE)
def test_leukaemia_in_upstate_new_york(shared_data, rank, members, cases, expected, risk, llr) -> None:
    found = scan(tracts(shared_data), Options(max_share=0.1, replications=0)).set_index("rank").loc[rank]
    assert found["members"].split(",") == members.split()
    assert found["cases"] == cases
    assert round(found["expected"], 2) == expected
    assert round(found["relative_risk"], 2) == risk
    assert round(found["llr"], 6) == llr


def test_p_values_of_upstate_new_york(shared_data) -> None:
    found = scan(tracts(shared_data), Options(max_share=0.1)).set_index("rank")
    # 0.001, 0.013 and 0.976 are published, each from 999 replications of its own: four standard errors.
    assert found.loc[1, "p_value"] <= 0.005
    assert found.loc[2, "p_value"] == pytest.approx(0.013, abs=0.015)
    assert found.loc[7, "p_value"] == pytest.approx(0.976, abs=0.02)
    assert found["p_gumbel"].to_numpy() == pytest.approx(found["p_value"].to_numpy(), abs=0.03)


def test_fever_in_new_york_city(shared_data) -> None:
    folder = shared_data / "hotspots" / "nyc_fever"
    cases = pd.read_csv(folder / "NYCfevercas.csv", dtype={"zip": "str"}).rename(columns={"zip": "id", "date": "time"})
    cases["time"] = pd.to_datetime(cases["time"])
    places = pd.read_csv(folder / "NYCfevergeo.csv", dtype={"zip": "str"})
    places = places.rename(columns={"zip": "id", "long": "x", "lat": "y"})[["id", "x", "y"]]
    study = make_study(Tables(cases, places, step="day"), "space-time-permutation")
    assert (len(study.places), study.cases.sum(), study.cases.shape[1]) == (192, 194, 24)
    found = scan(study, Options(max_days=7, max_radius=3.0, prospective=True))
    # Published: three clusters, none with p below 0.05.
    assert len(found) == 3
    assert (found["p_value"] > 0.05).all()
    assert (found["end"] == "2001-11-24").all()
    assert found["recurrence_days"].to_numpy() == pytest.approx(1.0 / found["p_value"].to_numpy())
    first = found.iloc[0]
    inside = cases["id"].isin(first["members"].split(","))
    alive = cases["time"] >= first["start"]
    c, mu = (inside & alive).sum(), inside.sum() * alive.sum() / 194
    assert first["cases"] == c
    assert first["llr"] == pytest.approx(c * np.log(c / mu) + (194 - c) * np.log((194 - c) / (194 - mu)), rel=1e-12)


def test_clusters_share_no_place_and_ratios_fall() -> None:
    found = scan(made(places=40, cases=300, seed=5), QUICK)
    members = [set(text.split(",")) for text in found["members"]]
    assert sum(map(len, members)) == len(set().union(*members))
    assert all(a >= b for a, b in pairwise(found["llr"]))
    assert found["rank"].tolist() == list(range(1, len(found) + 1))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), model=st.sampled_from(["space-time-permutation", "poisson", "bernoulli"]))
def test_new_names_and_another_order_of_the_places_change_nothing(seed, model) -> None:
    study = made(model, seed=seed)
    order = np.random.default_rng(seed).permutation(len(study.places))
    names = {name: f"q{k}" for k, name in enumerate(study.places["id"])}
    places = study.places.iloc[order].replace({"id": names}).reset_index(drop=True)
    other = replace(study, places=places, cases=study.cases[order], measure=study.measure[order])
    one, two = (scan(s, Options(replications=0)).head(1) for s in (study, other))
    assert two["llr"].to_numpy() == pytest.approx(one["llr"].to_numpy(), rel=1e-9)
    assert {names[m] for m in one["members"].iloc[0].split(",")} == set(two["members"].iloc[0].split(","))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), angle=st.floats(0, 6.28), scale=st.floats(0.01, 100))
def test_turning_and_stretching_the_map_changes_nothing(seed, angle, scale) -> None:
    study = made("poisson", seed=seed)
    # Whole coordinates: many equal distances, which rounding must not tell apart after the turn.
    grid = np.random.default_rng(seed).permutation([(x, y) for x in range(4) for y in range(3)]).astype(float)
    study = replace(study, places=study.places.assign(x=grid[:, 0], y=grid[:, 1]))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    xy = scale * (grid - 0.5) @ turn.T
    other = replace(study, places=study.places.assign(x=xy[:, 0], y=xy[:, 1]))
    one, two = (scan(s, Options(replications=0)).iloc[0] for s in (study, other))
    assert two["llr"] == pytest.approx(one["llr"], rel=1e-9)
    assert two["radius_km"] == pytest.approx(one["radius_km"] * scale, rel=1e-6, abs=1e-9)


@settings(max_examples=15, deadline=None)
@given(factor=st.floats(1e-3, 1e6), seed=st.integers(0, 10_000))
def test_a_population_counted_in_thousands_gives_the_same(factor, seed) -> None:
    rng = np.random.default_rng(seed)
    ids = [f"p{k}" for k in range(10)]
    places = pd.DataFrame({"id": ids, "x": rng.uniform(size=10), "y": rng.uniform(size=10)})
    cases = pd.DataFrame({"id": ids, "cases": rng.integers(1, 9, 10)})
    people = pd.DataFrame({"id": ids, "population": rng.uniform(10, 99, 10)})
    one, two = (
        scan(make_study(Tables(cases, places, p, cartesian=True), "poisson"), Options(replications=9))
        for p in (people, people.assign(population=people["population"] * factor))
    )
    assert two["llr"].to_numpy() == pytest.approx(one["llr"].to_numpy(), rel=1e-7)
    assert two["members"].tolist() == one["members"].tolist()


def setting(study: Study, options: Options = QUICK) -> Setting:
    zones = make_zones(study, max_share=options.max_share)
    return Setting.of(study, zones, longest_window(study, options.max_days), prospective=options.prospective)


def test_thresholds_find_what_the_full_search_finds() -> None:
    whole = setting(made(places=30, steps=40, cases=400, seed=8))
    fast = maxima(whole, 7, 40)
    full = np.array([maxima(whole, 7, 1, first=k)[0] for k in range(40)])
    assert fast == pytest.approx(full, rel=1e-12)


@pytest.mark.parametrize("model", ["space-time-permutation", "poisson", "bernoulli"])
def test_drawn_studies_keep_what_the_null_hypothesis_keeps(model) -> None:
    study = made(model, seed=2)
    drawn = np.diff(draw(setting(study), generator(1, 0)), axis=1)
    assert drawn.sum() == study.cases.sum()
    if model == "space-time-permutation":
        assert (drawn.sum(axis=1) == study.cases.sum(axis=1)).all()
        assert (drawn.sum(axis=0) == study.cases.sum(axis=0)).all()
    if model == "bernoulli":
        assert (drawn <= study.measure).all()


@pytest.mark.parametrize("model", ["space-time-permutation", "poisson"])
def test_any_number_of_workers_gives_the_same_bytes(model) -> None:
    study = made(model, places=20, seed=4)
    alone = scan(study, Options(replications=64, seed=5))
    for threads in (1, 3):
        with (
            LocalCluster(n_workers=1, threads_per_worker=threads, processes=False, dashboard_address=":0") as cluster,
            Client(cluster) as client,
        ):
            told: list[tuple[int, int]] = []

            def run(setting, seed, count, client=client, told=told):
                return spread_maxima(client, setting, seed, count, progress=lambda *n: told.append(n))

            spread = scan(study, Options(replications=64, seed=5), run=run)
        pd.testing.assert_frame_equal(pd.DataFrame(spread), pd.DataFrame(alone), check_exact=True)
        assert told[-1] == (64, 64)


def test_a_killed_worker_s_replications_run_again() -> None:
    study = made("poisson", places=20, seed=4)
    alone = scan(study, Options(replications=64, seed=5))
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        killed: list[int] = []

        def kill_once(done: int, total: int) -> None:
            if not killed:
                killed.extend(client.run(os.getpid).values())
                os.kill(killed[0], signal.SIGKILL)

        def run(setting, seed, count):
            return spread_maxima(client, setting, seed, count, progress=kill_once)

        spread = scan(study, Options(replications=64, seed=5), run=run)
    assert len(killed) == 1
    pd.testing.assert_frame_equal(pd.DataFrame(spread), pd.DataFrame(alone), check_exact=True)


@pytest.mark.parametrize("model", ["space-time-permutation", "poisson", "bernoulli"])
def test_p_values_are_uniform_where_there_is_nothing(model) -> None:
    study = made(model, places=10, steps=10, cases=60, seed=1)
    base = setting(study)
    ranks = []
    for k in range(100):
        counts = np.diff(draw(base, generator(99, k)), axis=1)
        ranks.append(scan(replace(study, cases=counts), Options(replications=19, seed=k)).iloc[0]["p_value"])
    p = np.array(ranks)
    # 100 studies: the share at or below 5, 20 and 50 % within three standard errors of itself.
    for level in (0.05, 0.2, 0.5):
        assert (p <= level + 1e-9).mean() == pytest.approx(level, abs=3 * np.sqrt(level * (1 - level) / 100))


def test_another_seed_draws_other_studies_and_the_same_seed_the_same() -> None:
    whole = setting(made(seed=6))
    assert (maxima(whole, 1, 10) == maxima(whole, 1, 10)).all()
    assert (maxima(whole, 1, 10)[4:] == maxima(whole, 1, 6, first=4)).all()
    assert (maxima(whole, 1, 10) != maxima(whole, 2, 10)).any()


def test_gumbel_tail_of_a_gumbel_sample() -> None:
    sample = np.random.default_rng(0).gumbel(5.0, 1.5, 20_000)
    x = np.array([5.0, 10.0, 15.0])
    exact = 1.0 - np.exp(-np.exp(-(x - 5.0) / 1.5))
    assert gumbel_p(x, sample) == pytest.approx(exact, rel=0.1)
    assert np.isnan(gumbel_p(x, np.ones(5))).all()


def test_default_of_the_longest_window() -> None:
    assert longest_window(made(steps=15), None) == 7
    assert longest_window(replace(made(steps=15), step="year"), None) == 7
    assert longest_window(replace(made(steps=15), step="year"), 3 * 366) == 3
    assert longest_window(made(steps=15), 90) == 15


BAD_OPTIONS = (
    (Options(max_share=0.0), "max-share"),
    (Options(max_share=1.5), "max-share"),
    (Options(max_radius=-1.0), "max-radius-km"),
    (Options(replications=-1), "replications"),
    (Options(max_days=0.5), "max-days"),
)


@pytest.mark.parametrize(("options", "told"), BAD_OPTIONS)
def test_options_out_of_range(options, told) -> None:
    with pytest.raises(InvalidInput, match=told):
        scan(made(), options)


def test_no_zone_and_no_time() -> None:
    with pytest.raises(MissingData, match="no zone"):
        scan(made(), Options(max_share=1e-6))
    with pytest.raises(InvalidInput, match="--time"):
        scan(made("poisson", steps=1, step=None), Options(prospective=True))
