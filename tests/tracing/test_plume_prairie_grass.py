"""Project Prairie Grass, odd runs: arc-maximum concentrations of a measured SO2 release at 0.46 m.

The winds of the table are those at 2 m: with them, u* and L give the site's roughness of 0.8 cm in every run.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tracing.plume import release_plume
from tracing.release import Air, Release
from tracing.stability import class_from_obukhov

WIND_HEIGHT_M = 2.0
SITE_ROUGHNESS_M = 0.008


@pytest.fixture(scope="module")
def arcs(request: pytest.FixtureRequest) -> pd.DataFrame:
    folder = request.getfixturevalue("shared_data") / "dispersion" / "prairie_grass"
    samples = pd.read_csv(folder / "arcs_odd_runs.csv", na_values=[-9, -999])
    samples = samples.dropna(subset="conc_mg_m3")
    keys = ["run", "arc_m", "Q_g_s", "z_source_m", "z_sampler_m"]
    maxima = samples.groupby(keys, as_index=False)["conc_mg_m3"].max()
    met = pd.read_csv(folder / "meteorology_odd_runs.csv", na_values=[-9, -999])
    return predict(maxima.merge(met, on="run"))


def predict(table: pd.DataFrame) -> pd.DataFrame:
    for name in ("on_site", "briggs"):
        table[name] = np.nan
    for _, rows in table.groupby("run"):
        one = rows.iloc[0]
        release = Release(0.0, 42.5, one["Q_g_s"], one["z_source_m"])
        wind = {"wind_speed_m_s": one["wind_speed_m_s"], "wind_from_deg": one["wind_from_deg"]}
        wind["wind_height_m"] = WIND_HEIGHT_M
        lid = None if np.isnan(one["mixing_height_m"]) else one["mixing_height_m"]
        on_site = Air(
            **wind,
            obukhov_m=one["L_m"],
            ustar_m_s=one["ustar_m_s"],
            sigma_azimuth_deg=one["sigma_azimuth_deg"],
            mixing_height_m=lid,
        )
        plain = Air(**wind, stability=class_from_obukhov(one["L_m"], roughness=SITE_ROUGHNESS_M))
        for name, air in (("on_site", on_site), ("briggs", plain)):
            plume = release_plume(release, air)
            table.loc[rows.index, name] = plume.concentration(rows["arc_m"], 0.0, one["z_sampler_m"])
    return table


def measures(table: pd.DataFrame, model: str) -> dict[str, float]:
    """Chang and Hanna (2004), doi:10.1007/s00703-003-0070-7; FB is positive where the model is too low."""
    observed, predicted = table["conc_mg_m3"], table[model]
    ratio = predicted / observed
    return {
        "n": len(table),
        "fac2": float(ratio.between(0.5, 2.0).mean()),
        "fb": float(2.0 * (observed.mean() - predicted.mean()) / (observed.mean() + predicted.mean())),
        "nmse": float(((observed - predicted) ** 2).mean() / (observed.mean() * predicted.mean())),
    }


def test_on_site_meteorology_meets_the_promise(arcs: pd.DataFrame) -> None:
    found = measures(arcs, "on_site")
    assert found["n"] == 130
    assert found["fac2"] >= 0.85
    assert abs(found["fb"]) <= 0.2
    assert found["nmse"] <= 0.6


def test_on_site_meteorology_is_better_than_plain_classes(arcs: pd.DataFrame) -> None:
    ours, plain = measures(arcs, "on_site"), measures(arcs, "briggs")
    assert ours["fac2"] > plain["fac2"]
    assert ours["nmse"] < plain["nmse"]


@pytest.mark.parametrize("arc", [50.0, 100.0, 200.0, 400.0, 800.0])
def test_no_arc_is_lost(arcs: pd.DataFrame, arc: float) -> None:
    assert measures(arcs[arcs["arc_m"] == arc], "on_site")["fac2"] >= 0.6


@pytest.mark.parametrize("stable", [False, True])
def test_neither_day_nor_night_is_lost(arcs: pd.DataFrame, stable: bool) -> None:
    found = measures(arcs[(arcs["L_m"] > 0) == stable], "on_site")
    assert found["fac2"] >= 0.75
    assert abs(found["fb"]) <= 0.3


def test_the_winds_fit_two_metres(shared_data: Path) -> None:
    from tracing.surface_plume_kernel import roughness_m

    met = pd.read_csv(shared_data / "dispersion" / "prairie_grass" / "meteorology_odd_runs.csv")
    found = [roughness_m(r.wind_speed_m_s, WIND_HEIGHT_M, r.ustar_m_s, r.L_m) for r in met.itertuples()]
    assert np.median(found) == pytest.approx(SITE_ROUGHNESS_M, rel=0.15)
