"""Degrees, minutes and seconds in the spellings of Chinese ledgers; what is not an angle is not guessed."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.angles import parse_angle, parse_angles

WRITTEN = (
    "119°12'30\"E",
    "119°12′30″E",
    "119º12’30”",
    "E119°12'30\"",
    "东经119度12分30秒",
    "119度12分30秒",
    "119°12'30''",
    "119 12 30",
    "119:12:30",
    "119-12-30",
    "119d12m30s",
    "119°12.5'",
    "１１９°１２′３０″",
    "119°12'30\"东",
)


@pytest.mark.parametrize("text", WRITTEN)
def test_every_spelling_is_the_same_angle(text):
    assert parse_angle(text, "lon") == pytest.approx(119 + 12 / 60 + 30 / 3600, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("34°30'S", -34.5),
        ("34°30'0S", -34.5),
        ("S34°30'", -34.5),
        ("-34°30'", -34.5),
        ("34d30m0s", 34.5),
        ("34°", 34),
        ("34.5N", 34.5),
        ("34.5°S", -34.5),
        ("34.5北纬", 34.5),
    ],
)
def test_south_is_negative_and_seconds_are_not_south(text, value):
    assert parse_angle(text, "lat") == pytest.approx(value)


@pytest.mark.parametrize(
    "text",
    ["119°60'", "119°12'75\"", "119.5°12'", "34°35'20\"N", "E119°W", "abc", "", "119,5", "-119°12'W", "1°2'3\"4"],
)
def test_what_is_no_longitude_is_not_guessed(text):
    assert math.isnan(parse_angle(text, "lon"))


def test_numbers_stay_and_gaps_stay():
    found = parse_angles(pd.Series(["119.25", None, "119°15'", "40500000.5"], dtype="str"), "lon")
    np.testing.assert_array_equal(found, [119.25, np.nan, 119.25, 40500000.5])


@given(st.integers(0, 179), st.integers(0, 59), st.integers(0, 59))
def test_written_and_read_again(degrees, minutes, seconds):
    text = f"{degrees}°{minutes:02d}'{seconds:02d}\""
    assert parse_angle(text, "lon") == pytest.approx(degrees + minutes / 60 + seconds / 3600, abs=1e-12)
