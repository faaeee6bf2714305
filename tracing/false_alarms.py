"""How many alarms are false: counted among mirror images, where nothing but chance can raise an alarm."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

Array = NDArray[np.float64]

HOURS_OF_A_MONTH = 730.485


@dataclass(frozen=True)
class FalseAlarms:
    """Alarms, and the alarms that the mirrored values raise under the very same rules.

    A source can only add: deviations to the low side come from chance (and from clean air that arrives, which makes the
    estimate too high, not too low). Where chance is as often high as low, which the scale of the values is chosen for,
    the number of mirror alarms estimates the number of false alarms.

    Attributes
    ----------
    alarms, mirror : numbers of alarms and of mirror alarms
    judged : values that were judged, place-hours
    """

    alarms: int
    mirror: int
    judged: int

    @staticmethod
    def of(strength: Array, mirror: Array, judged: int) -> "FalseAlarms":
        """Count."""
        return FalseAlarms(strength.size, mirror.size, judged)

    @property
    def share(self) -> float:
        """The estimated share of false ones among the alarms, 0 to 1; NaN without alarms."""
        return min(1.0, self.mirror / self.alarms) if self.alarms else float("nan")

    @property
    def share_at_most(self) -> float:
        """The same with the upper limit of the mirror alarms' number at 95 % (Poisson); NaN without alarms."""
        return min(1.0, at_most(self.mirror) / self.alarms) if self.alarms else float("nan")

    @property
    def per_place_month(self) -> float:
        """Estimated false alarms of one place in a month; NaN where nothing was judged."""
        return self.mirror / self.judged * HOURS_OF_A_MONTH if self.judged else float("nan")

    def said(self) -> tuple[str, str]:
        """Return the estimate in a Chinese and an English sentence."""
        if not self.alarms:
            return "", ""
        rate = f"{self.per_place_month:.2g}"
        share, most = 100.0 * self.share, 100.0 * self.share_at_most
        return (
            f"按镜像值估计误报 {self.mirror} 个，占 {share:.0f}%（95% 上限 {most:.0f}%），每处每月 {rate} 个",
            f"about {self.mirror} false by mirror values, {share:.0f} % (at most {most:.0f} %), "
            f"{rate} a place and month",
        )


def at_most(count: int) -> float:
    """Return the one-sided upper limit at 95 % of the mean of a Poisson number that came out as `count`."""
    return float(gammaincinv(count + 1, 0.95))


def false_share(strength: Array, mirror: Array) -> Array:
    """Return for each alarm the estimated share of false ones among those at least as strong, 0 to 1.

    (1 + mirror alarms as strong) / (alarms as strong), the smallest over all weaker limits; the 1 keeps the promise
    for few alarms too.

    Parameters
    ----------
    strength, mirror : ndarray, shape (alarm,), (mirror alarm,)

    References
    ----------
    Barber and Candes 2015, doi:10.1214/15-AOS1337, where the mirror statistics are those of knockoff variables
    """
    order = np.argsort(strength, kind="stable")
    levels = strength[order]
    as_strong = levels.size - np.searchsorted(levels, levels, side="left")
    mirrored = np.sort(mirror)
    false = mirrored.size - np.searchsorted(mirrored, levels, side="left")
    share = np.minimum((1.0 + false) / np.maximum(as_strong, 1), 1.0)
    out = np.empty(strength.size)
    out[order] = np.minimum.accumulate(share)
    return out
