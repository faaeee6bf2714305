"""Pasquill's table as printed, and Golder's lines."""

import pytest

from geo.errors import InvalidInput
from tracing.stability import check_class, class_from_obukhov, most_stable_class, pasquill_class


@pytest.mark.parametrize(
    ("wind", "strong", "moderate", "slight", "cloudy", "clear"),
    [
        (1.5, "A", "B", "B", "F", "F"),
        (2.5, "B", "B", "C", "E", "F"),
        (4.0, "B", "C", "C", "D", "E"),
        (5.5, "C", "D", "D", "D", "D"),
        (9.0, "C", "D", "D", "D", "D"),
    ],
)
def test_pasquills_table(wind: float, strong: str, moderate: str, slight: str, cloudy: str, clear: str) -> None:
    assert [pasquill_class(wind, sun=s) for s in ("strong", "moderate", "slight")] == [strong, moderate, slight]
    assert [pasquill_class(wind, night=n) for n in ("cloudy", "clear")] == [cloudy, clear]
    assert most_stable_class(wind) == clear


@pytest.mark.parametrize(("obukhov", "expected"), [(-5.0, "A"), (-30.0, "C"), (1e5, "D"), (-1e5, "D"), (8.0, "F")])
def test_class_of_an_obukhov_length(obukhov: float, expected: str) -> None:
    assert class_from_obukhov(obukhov, roughness=0.03) == expected


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: pasquill_class(3.0), "either sun"),
        (lambda: pasquill_class(3.0, sun="strong", night="clear"), "not both"),
        (lambda: pasquill_class(3.0, sun="bright"), "strong, moderate, slight"),
        (lambda: check_class("G"), "A, B, C, D, E, F"),
        (lambda: class_from_obukhov(0.0, roughness=0.1), "Obukhov length 0"),
        (lambda: class_from_obukhov(10.0, roughness=0.0), "roughness"),
    ],
)
def test_nonsense_is_refused(call, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        call()
