import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from geo.errors import InvalidInput, MissingData
from tracing.emerging import CubeRule, emerging
from tracing.emerging_kernel import HOT, PATTERNS, patterns, space_time_gi_z
from tracing.gi_kernel import gi_star_z
from tracing.neighbours import neighbour_matrix


def series(cube, seed=1, start="2021-01-01"):
    """Return a shuffled long table of places x months."""
    places, steps = cube.shape
    rng = np.random.default_rng(seed)
    lon, lat = rng.uniform([[118.5], [34.0]], [[119.9], [35.1]], (2, places))
    months = pd.date_range(start, periods=steps, freq="MS", tz="Asia/Shanghai")
    frame = gpd.GeoDataFrame(
        {"id": np.repeat(np.arange(places), steps), "time": np.tile(months, places), "x": cube.ravel()},
        geometry=gpd.points_from_xy(np.repeat(lon, steps), np.repeat(lat, steps)),
        crs=4326,
    )
    return frame.sample(frac=1.0, random_state=int(seed))


def run(frame, **rule):
    return emerging(frame, "x", time="time", place="id", rule=CubeRule(**rule))


def one(text, trend=0):
    """Classify one place: h hot, c cold, - neither, ? not tested."""
    sign = np.array([[{"h": 1, "c": -1}.get(letter, 0) for letter in text]], dtype=np.int8)
    tested = np.array([[letter != "?" for letter in text]])
    return PATTERNS[patterns(sign, tested, np.array([trend], dtype=np.int8))[0]]


CASES = [
    ("---------h", 0, "new"),
    ("--c------h", 0, "new"),
    ("--------hh", 0, "consecutive"),
    ("-hhhhhhhhh", 0, "persistent"),
    ("--hhhhhhhh", 0, "consecutive"),
    ("--c----hhh", 0, "consecutive"),
    ("hhhhhhhhhh", 1, "intensifying"),
    ("hhhhhhhhhh", 0, "persistent"),
    ("h-hhhhhhhh", -1, "diminishing"),
    ("hhhhhhhhh-", 0, "historical"),
    ("hhhhhhhhh-", 1, "historical"),
    ("hhhhhhhhhc", -1, None),
    ("-h--h-----", 0, "sporadic"),
    ("-h--h---hh", 0, "sporadic"),
    ("-h--c----h", 0, "oscillating"),
    ("--?----h?h", 0, "consecutive"),
    ("h?hhhhhhhh", 1, "intensifying"),
    ("h??---?--h", 0, "sporadic"),
]


@pytest.mark.parametrize(("text", "trend", "name"), CASES)
def test_the_patterns_are_those_of_the_definitions_and_cold_mirrors_hot(text, trend, name):
    if name is None:
        # Lastingly hot, now cold for the first time: the present decides.
        assert one(text, trend) == "new_cold"
        return
    assert one(text, trend) == f"{name}_hot"
    assert one(text.translate(str.maketrans("hc", "ch")), -trend) == f"{name}_cold"


def test_there_are_seventeen_patterns_and_none_is_left_over():
    assert len(PATTERNS) == 17
    assert {name for *_, name in CASES if name} == set(HOT)
    assert one("----------") == "none"
    assert one("h--c------") == "none"


def brute(cube, around, window, back):
    reach = 0 if window == "step" else back
    out = np.full(cube.shape, np.nan)
    for place, step in np.ndindex(cube.shape):
        own = [place, *around.indices[around.indptr[place] : around.indptr[place + 1]]]
        first = max(step - reach, 0)
        near = cube[own, first : step + 1]
        whole = cube if window == "cube" else cube[:, first : step + 1]
        near, whole = near[~np.isnan(near)], whole[~np.isnan(whole)]
        if not np.isnan(cube[place, step]):
            n, k = whole.size, near.size
            out[place, step] = (near.sum() - k * whole.mean()) / (whole.std() * np.sqrt((n * k - k * k) / (n - 1)))
    return out


@pytest.mark.parametrize("window", ["cube", "neighbourhood", "step"])
@pytest.mark.parametrize("back", [0, 1, 3])
def test_every_bin_is_the_formula(window, back):
    rng = np.random.default_rng(2)
    cube = rng.gamma(2.0, 20.0, (25, 12)) + 1e6
    cube[rng.random(cube.shape) < 0.1] = np.nan
    points = gpd.GeoSeries(gpd.points_from_xy(rng.uniform(118, 119, 25), rng.uniform(34, 35, 25)), crs=4326)
    around = neighbour_matrix(points, "knn:4")
    z = space_time_gi_z(cube, around, window=window, back=back)
    assert np.allclose(z, brute(cube, around, window, back), rtol=0.0, atol=1e-6, equal_nan=True)


def test_one_step_alone_is_gi_star():
    rng = np.random.default_rng(2)
    points = gpd.GeoSeries(gpd.points_from_xy(rng.uniform(118, 119, 60), rng.uniform(34, 35, 60)), crs=4326)
    around, cube = neighbour_matrix(points, "knn:6"), rng.gamma(2.0, 20.0, (60, 3))
    z = space_time_gi_z(cube, around, window="step")
    assert np.allclose(z[:, 1], gi_star_z(cube[:, 1], around, own_weight=1.0), rtol=0.0, atol=1e-12)


def test_a_planted_spot_that_grows_is_found():
    rng = np.random.default_rng(3)
    cube = rng.normal(size=(150, 24))
    frame = series(cube)
    at = frame.drop_duplicates("id").sort_values("id").geometry
    inside = np.hypot(at.x - 119.2, at.y - 34.6).to_numpy() < 0.2
    cube[inside] += np.linspace(5.0, 8.0, 24)
    cube[np.hypot(at.x - 118.8, at.y - 34.3).to_numpy() < 0.15, -1] += 12.0
    out = run(series(cube), neighbours="knn:4", trend="mann-kendall")
    assert out.loc[inside, "pattern"].isin(["intensifying_hot", "persistent_hot"]).sum() >= 0.5 * inside.sum()
    assert (out["pattern"] == "intensifying_hot").any()
    assert (out["pattern"] == "new_hot").any()
    assert ["--trend corrected" in text for text in out.attrs["warnings"]] == [True]
    fair = run(series(cube), neighbours="knn:4")
    assert fair.attrs["warnings"] == []
    assert (fair["trend_z"].abs() <= out["trend_z"].abs()).all()


def test_noise_has_few_places_that_are_hot():
    found = 0
    for seed in range(100):
        cube = np.random.default_rng(seed).normal(size=(60, 12))
        out = run(series(cube), window="step")
        found += (out["last_class"].abs() >= 2).any()
    # Five of a hundred at the rate of 5 %, three standard deviations more.
    assert found <= 11


def test_real_tracts_over_ten_years(shared_data):
    shapes = gpd.read_file(shared_data / "hotspots" / "bos-ecometric.geojson").astype({".region_id": "int64"})
    table = pd.read_csv(shared_data / "hotspots" / "bos-ecometric.csv")
    frame = shapes[[".region_id", "geometry"]].drop_duplicates(".region_id").merge(table, on=".region_id")
    out = emerging(frame, "value", time="time_period", place=".region_id", rule=CubeRule(neighbours="contiguity"))
    assert len(out) == 168
    assert set(out["pattern"]) <= set(PATTERNS)
    assert out["n_tested"].eq(10).all()
    years = emerging(frame, "value", time="year", place=".region_id", rule=CubeRule("year", "contiguity"))
    assert years["pattern"].tolist() == out["pattern"].tolist()


def test_missing_is_not_zero_unless_said():
    cube = np.random.default_rng(4).gamma(2.0, 20.0, (40, 14))
    frame = series(cube)
    gone = frame[~((frame["id"] == 7) & (frame["time"].dt.month.isin([2, 3])))]
    missing, zero = run(gone), run(gone, zero=True)
    assert missing["n_tested"][7] == 14 - 3
    assert zero["n_tested"][7] == 14
    assert missing.attrs["warnings"] == [
        "3 of 560 bins have no value: they are missing, not zero.",
        "1 places have no pattern: no last step, too few steps or no neighbour.",
    ]
    ended = run(frame[~((frame["id"] == 7) & (frame["time"] == frame["time"].max()))])
    assert ended["pattern"].isna().tolist() == [place == 7 for place in range(40)]


def test_order_of_rows_and_scale_do_not_matter():
    cube = np.random.default_rng(4).gamma(2.0, 20.0, (40, 14))
    out = run(series(cube))
    again = run(series(cube).iloc[::-1])
    scaled = run(series(3.0 * cube + 7.0))
    assert again["pattern"].tolist() == scaled["pattern"].tolist() == out["pattern"].tolist()
    assert np.allclose(scaled["last_z"], out["last_z"], rtol=0.0, atol=1e-9)


def test_months_are_the_citys():
    frame = series(np.random.default_rng(4).normal(size=(40, 12)))
    hourly = frame.assign(time=frame["time"].dt.tz_convert("UTC"))
    assert run(hourly, step="month")["last_z"].tolist() == run(frame)["last_z"].tolist()


def test_all_equal_values_are_said():
    out = run(series(np.full((40, 12), 5.0)))
    assert out["pattern"].isna().all()
    assert "The values of all 40 places are equal, or none can be tested." in out.attrs["warnings"]


@pytest.mark.parametrize(
    ("change", "rule", "family", "text"),
    [
        (lambda f: f[f["time"].dt.month < 10], {}, MissingData, "has 9 time steps: emerging hot spots need 10"),
        (lambda f: f[f["id"] < 2], {}, MissingData, "names 2 places"),
        (lambda f: f.drop(columns="time"), {}, InvalidInput, "no column 'time'"),
        (lambda f: f.drop(columns="id"), {}, InvalidInput, "no column 'id'"),
        (lambda f: f.assign(time="soon"), {}, InvalidInput, "times that cannot be read"),
        (lambda f: f.assign(x="a"), {}, InvalidInput, "not numbers"),
        (lambda f: f, {"window": "year"}, InvalidInput, "choose one of cube, neighbourhood, step"),
        (lambda f: f, {"step": "week"}, InvalidInput, "choose one of as given, hour"),
        (lambda f: f, {"trend": "theil"}, InvalidInput, "choose one of corrected, mann-kendall, hamed-rao"),
        (lambda f: f, {"back": -1}, InvalidInput, "give 0 or more"),
    ],
)
def test_what_cannot_be_answered(change, rule, family, text):
    frame = series(np.random.default_rng(4).normal(size=(20, 12)))
    with pytest.raises(family, match=text) as caught:
        run(change(frame), **rule)
    assert "\n" not in str(caught.value)
