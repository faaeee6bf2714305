"""Stability of the air near the ground: Pasquill's classes from wind, sun and cloud, or from the Obukhov length."""

import math

from geo.errors import InvalidInput
from tracing.plume_kernel import CLASSES

SUN = ("strong", "moderate", "slight")
NIGHT = ("cloudy", "clear")

# Pasquill (1961), Meteorological Magazine 90, 33-49: rows by wind at 10 m (m/s); columns as SUN, then NIGHT.
# Of a pair such as A-B the more stable class is taken: near the ground it gives the longer zone.
_TABLE = (
    (2.0, ("A", "B", "B", "F", "F")),
    (3.0, ("B", "B", "C", "E", "F")),
    (5.0, ("B", "C", "C", "D", "E")),
    (6.0, ("C", "D", "D", "D", "D")),
    (math.inf, ("C", "D", "D", "D", "D")),
)
# 1/L = a + b log10(z0) at the middle of each class: Golder (1972), doi:10.1007/BF00769106.
_GOLDER = {
    "A": (-0.096, 0.029),
    "B": (-0.037, 0.029),
    "C": (-0.002, 0.018),
    "D": (0.0, 0.0),
    "E": (0.004, -0.018),
    "F": (0.035, -0.036),
}


def check_class(stability: str) -> str:
    """Return the class as one of A to F.

    Raises
    ------
    InvalidInput
        It is none of them.
    """
    name = stability.strip().upper()
    if name not in CLASSES:
        raise InvalidInput(f"stability {stability!r}: use one of {', '.join(CLASSES)} (A very unstable, F very stable)")
    return name


def pasquill_class(wind_speed: float, *, sun: str | None = None, night: str | None = None) -> str:
    """Return Pasquill's class from the wind at 10 m (m/s) and the sun by day or the cloud by night.

    Nights with less than 2 m/s, which Pasquill's table leaves open, are taken as F.

    Raises
    ------
    InvalidInput
        Neither or both of sun and night are given, or a word is not known.
    """
    if (sun is None) == (night is None):
        raise InvalidInput("give either sun (by day) or night (cloudy or clear), not both")
    known, word = (SUN, sun) if sun is not None else (NIGHT, night)
    if word not in known:
        raise InvalidInput(f"{'sun' if sun is not None else 'night'} {word!r}: use one of {', '.join(known)}")
    row = next(classes for limit, classes in _TABLE if wind_speed < limit)
    return row[(*SUN, *NIGHT).index(word)]


def most_stable_class(wind_speed: float) -> str:
    """Return the most stable class that Pasquill's table allows at this wind: the longest zone near the ground."""
    return pasquill_class(wind_speed, night="clear")


def class_from_obukhov(obukhov: float, *, roughness: float) -> str:
    """Return the class whose middle line lies nearest in 1/L, for a roughness length (m).

    Raises
    ------
    InvalidInput
        The Obukhov length is zero or no number, or the roughness is not above zero.
    """
    if obukhov == 0.0 or math.isnan(obukhov):
        raise InvalidInput(f"Obukhov length {obukhov:g} m: give a number other than 0 (negative by day)")
    if not 0.0 < roughness < math.inf:
        raise InvalidInput(f"roughness length {roughness:g} m: give a number above 0")
    found = {name: a + b * math.log10(roughness) for name, (a, b) in _GOLDER.items()}
    return min(found, key=lambda name: abs(found[name] - 1.0 / obukhov))
