"""Heavy releases are recognised; light or small ones are not."""

import pytest

from layers.dense_gas import PASSIVE_LIMIT, dense_warning, density_ratio, release_number
from layers.substances import find_substance, load_substances

AIR = {"temperature_c": 25.0, "pressure_hpa": 1013.25}


def test_number_by_hand() -> None:
    # Chlorine 1 kg/s at 2 m/s: q = 0.345 m3/s, g' = 14.21 m/s2, D = 0.4154 m; (14.21 * 0.345 / (8 * 0.4154))^(1/3).
    assert release_number(70.906, 1000.0, 2.0, **AIR) == pytest.approx(1.1384, rel=2e-3)
    assert density_ratio(70.906) == pytest.approx(2.448, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "rate", "said"),
    [
        ("chlorine", 1000.0, "dense gas"),
        ("chlorine", 0.00001, None),
        ("ammonia", 1000.0, "aerosol"),
        ("methane", 1000.0, None),
        ("carbon monoxide", 1000.0, None),
    ],
)
def test_who_is_warned(name: str, rate: float, said: str | None) -> None:
    found = dense_warning(find_substance(name, load_substances()), rate, 3.0, **AIR)
    assert found is None if said is None else said in (found or "")


def test_wind_makes_a_release_passive() -> None:
    assert release_number(70.906, 1.0, 2.0, **AIR) > release_number(70.906, 1.0, 10.0, **AIR)
    assert release_number(70.906, 1.0, 20.0, **AIR) < PASSIVE_LIMIT
