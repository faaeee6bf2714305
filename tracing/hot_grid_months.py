"""Months of cells: means, ranks, and the change against the month before and the year before."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.errors import InvalidInput
from tracing.emerging import CITY

Array = NDArray[np.float64]

_MONTH = re.compile(r"(19|20)\d\d-(0[1-9]|1[0-2])")


@dataclass(frozen=True)
class Months:
    """A month of the city's calendar and the two that it is compared with; bounds in UTC."""

    month: pd.Period

    @staticmethod
    def named(text: str) -> "Months":
        """Return the months of a text such as 2021-10.

        Raises
        ------
        InvalidInput
            Text that is no month.
        """
        if not _MONTH.fullmatch(text):
            raise InvalidInput(f"--month {text!r} is no month: write it as 2021-10")
        return Months(pd.Period(text, freq="M"))

    @property
    def name(self) -> str:
        """The month as text."""
        return str(self.month)

    @property
    def start(self) -> pd.Timestamp:
        """Its first hour."""
        return _bound(self.month)

    @property
    def end(self) -> pd.Timestamp:
        """The hour after its last."""
        return _bound(self.month + 1)

    def compared(self) -> tuple[pd.Period, pd.Period, pd.Period]:
        """Return the month, the one before and that of the year before."""
        return self.month, self.month - 1, self.month - 12

    def covers(self, hours: pd.Series) -> NDArray[np.bool_]:
        """Return which hours lie in one of the three months."""
        found = np.zeros(len(hours), dtype=bool)
        for month in self.compared():
            found |= ((hours >= _bound(month)) & (hours < _bound(month + 1))).to_numpy()
        return found

    def hours(self) -> pd.DatetimeIndex:
        """Return all hours of the three months."""
        before, month, year = (
            pd.date_range(_bound(m), _bound(m + 1), freq="h", inclusive="left")
            for m in (self.month - 1, self.month, self.month - 12)
        )
        return pd.DatetimeIndex(np.concatenate([year.asi8, before.asi8, month.asi8]), dtype=month.dtype)

    def now(self, hours: pd.DatetimeIndex) -> NDArray[np.bool_]:
        """Return which hours lie in the month itself."""
        return np.asarray((hours >= self.start) & (hours < self.end))


def months_of(times: pd.Series, month: str | None) -> Months:
    """Return the month that is asked for, or that of the last value.

    Raises
    ------
    InvalidInput
        Text that is no month.
    """
    if month is None:
        return Months(times.max().tz_convert(CITY).tz_localize(None).to_period("M"))
    return Months.named(month)


def month_columns(wide: Array, months: Months, hours: pd.DatetimeIndex, min_share: float) -> dict[str, object]:
    """Return mean, rank and change of each cell.

    Parameters
    ----------
    wide : ndarray, shape (hour, cell)
        NaN where there is no value.
    hours : DatetimeIndex, shape (hour,)
    min_share : float
        Share of a month's hours that its mean needs to be ranked and compared.
    """
    means, counts, shares = [], [], []
    last = hours[np.flatnonzero((~np.isnan(wide)).any(axis=1))[-1]]
    for month in months.compared():
        # A month that is not over yet has had so many hours.
        rows = np.asarray((hours >= _bound(month)) & (hours < _bound(month + 1)) & (hours <= last))
        count = (~np.isnan(wide[rows])).sum(axis=0)
        total = np.nansum(wide[rows], axis=0)
        means.append(np.where(count > 0, total / np.maximum(count, 1), np.nan))
        counts.append(count)
        shares.append(count / max(int(rows.sum()), 1))
    valid = [np.where(share >= min_share, mean, np.nan) for mean, share in zip(means, shares, strict=True)]
    ranks = [pd.Series(mean).rank(ascending=False, method="min").astype("Int64") for mean in valid]
    return {
        "rank": ranks[0],
        "mean": means[0],
        "n_hours": counts[0],
        "share_pct": 100.0 * shares[0],
        "mean_before": valid[1],
        "change_pct": _percent(valid[0], valid[1]),
        "rank_change": ranks[1] - ranks[0],
        "mean_year_before": valid[2],
        "change_year_pct": _percent(valid[0], valid[2]),
        "rank_change_year": ranks[2] - ranks[0],
    }


def _percent(now: Array, before: Array) -> Array:
    usable = before > 0.0
    return np.where(usable, 100.0 * (now / np.where(usable, before, 1.0) - 1.0), np.nan)


def _bound(month: pd.Period) -> pd.Timestamp:
    return month.start_time.tz_localize(CITY).tz_convert("UTC")
