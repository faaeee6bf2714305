"""Times as people write them, to UTC."""

import unicodedata

import numpy as np
import pandas as pd

from geo.errors import InvalidInput

CITY_ZONE = "Asia/Shanghai"

_CLOCK = r"(?:[T ]+(?P<h>\d{1,2})(?::?(?P<m>\d{2})(?::?(?P<s>\d{2}(?:\.\d+)?))?)?)?"
_ZONE = r" ?(?P<zone>Z|[+-]\d{2}(?::?\d{2})?)?"
_YEAR_FIRST = rf"(?P<y>\d{{4}})[-/.](?P<mo>\d{{1,2}})[-/.](?P<d>\d{{1,2}}){_CLOCK}{_ZONE}"
_COMPACT = rf"(?P<y>\d{{4}})(?P<mo>\d{{2}})(?P<d>\d{{2}}){_CLOCK}{_ZONE}"
_MONTH_FIRST = rf"(?P<mo>\d{{1,2}})/(?P<d>\d{{1,2}})/(?P<y>\d{{4}}){_CLOCK}{_ZONE}"
_EXCEL = r"[2-7]\d{4}(?:\.\d+)?"


def parse_times(values: pd.Series, timezone: str = CITY_ZONE) -> tuple[pd.Series, list[str]]:
    """Read times in any of the ways that tables hold them.

    Parameters
    ----------
    values : Series
        Timestamps, or text: ISO 8601, ``2024/5/1 8:00``, ``2024年5月1日 8时``, ``20240501``, ``5/1/2024`` (month
        first), an Excel serial number. Hour 24 is the next day's hour 0.
    timezone : str
        Zone of times that name none.

    Returns
    -------
    times : Series of datetime64[ms, UTC]
        NaT where the text is not a time.
    notes : list of str
        What had to be assumed.

    Raises
    ------
    InvalidInput
        The zone is not known.
    """
    zone = _zone(timezone)
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        if isinstance(values.dtype, pd.DatetimeTZDtype):
            return values.dt.tz_convert("UTC").dt.as_unit("ms"), []
        return _localised(values, zone), [_naive_note(int(values.notna().sum()), zone)]
    codes, unique = pd.factorize(values.astype("str"))
    times, naive, month_first, serial = _parse(pd.Series(unique, dtype="str"), zone)
    found = pd.Series(times.array.take(codes, allow_fill=True), index=values.index)
    used = np.bincount(codes[codes >= 0], minlength=len(unique))
    notes = []
    if used[naive].sum():
        notes.append(_naive_note(int(used[naive].sum()), zone))
    if used[month_first].sum():
        notes.append(f"{int(used[month_first].sum())} times read as month/day/year")
    if used[serial].sum():
        notes.append(f"{int(used[serial].sum())} times read as Excel serial numbers")
    return found, notes


def parse_dates(values: pd.Series) -> pd.Series:
    """Read the city's dates as ISO text such as 2024-05-01; missing where the text is not a date."""
    times, _ = parse_times(values)
    return times.dt.tz_convert(CITY_ZONE).dt.strftime("%Y-%m-%d").astype("str")


def _parse(texts: pd.Series, zone: str) -> tuple[pd.Series, np.ndarray, np.ndarray, np.ndarray]:
    clean = texts.map(lambda text: unicodedata.normalize("NFKC", text).strip().upper())
    clean = clean.str.replace(r"[年月]", "-", regex=True).str.replace("日", " ").str.replace(r"[时時]", ":", regex=True)
    clean = clean.str.replace("分", ":").str.replace("秒", "").str.replace(r":?\s*$", "", regex=True)
    clean = clean.str.replace(r" (\d{1,2})$", r" \1:00", regex=True)
    parts = _groups(clean, _YEAR_FIRST)
    compact, month_first = _groups(clean, _COMPACT), _groups(clean, _MONTH_FIRST)
    by_month = (parts["y"].isna() & month_first["y"].notna()).to_numpy()
    parts = parts.where(parts["y"].notna(), compact).where(lambda p: p["y"].notna(), month_first)
    times, naive = _assemble(parts, zone)
    serial = (times.isna() & clean.str.fullmatch(_EXCEL)).to_numpy(dtype=bool)
    if serial.any():
        days = pd.to_numeric(clean[serial])
        moments = pd.Timestamp("1899-12-30") + pd.to_timedelta((days * 86400).round(), unit="s")
        times[serial] = _localised(pd.Series(moments), zone)
    return times, naive | serial, by_month, serial


def _groups(texts: pd.Series, pattern: str) -> pd.DataFrame:
    return texts.str.extract(rf"^{pattern}$")[["y", "mo", "d", "h", "m", "s", "zone"]]


def _assemble(parts: pd.DataFrame, zone: str) -> tuple[pd.Series, np.ndarray]:
    numbers = parts.drop(columns="zone").fillna({"h": "0", "m": "0", "s": "0"}).astype("float64")
    good = (numbers["h"] <= 24) & (numbers["m"] < 60) & (numbers["s"] < 60)
    good &= ~((numbers["h"] == 24) & (numbers["m"] + numbers["s"] > 0))
    days = numbers[["y", "mo", "d"]].where(good, axis=0)
    names = {"y": "year", "mo": "month", "d": "day"}
    day = pd.Series(pd.NaT, index=parts.index, dtype="datetime64[ms]")
    usable = days.notna().all(axis=1)
    if usable.any():
        day[usable] = pd.to_datetime(days[usable].astype("int64").rename(columns=names), errors="coerce").dt.as_unit(
            "ms"
        )
    seconds = numbers["h"].fillna(0) * 3600 + numbers["m"].fillna(0) * 60 + numbers["s"].fillna(0)
    local = day + pd.to_timedelta((seconds * 1000).round(), unit="ms")
    stated = parts["zone"].notna()
    aware = (local - _offsets(parts["zone"])).dt.tz_localize("UTC").dt.as_unit("ms")
    times = aware.where(stated, _localised(local.where(~stated), zone))
    return times, (times.notna() & ~stated).to_numpy()


def _offsets(zones: pd.Series) -> pd.Series:
    pieces = zones.str.extract(r"([+-])(\d{2}):?(\d{2})?")
    minutes = pieces[1].astype("float64") * 60 + pieces[2].astype("float64").fillna(0)
    signed = minutes.fillna(0) * pieces[0].map({"+": 1.0, "-": -1.0}).fillna(1.0).astype("float64")
    return pd.Series(pd.to_timedelta(signed, unit="m"), index=zones.index)


def _localised(local: pd.Series, zone: str) -> pd.Series:
    aware = local.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    return aware.dt.tz_convert("UTC").dt.as_unit("ms")


def _zone(name: str) -> str:
    try:
        pd.Timestamp("2024-01-01").tz_localize(name)
    except (KeyError, ValueError, TypeError, OSError) as error:
        raise InvalidInput(f"unknown time zone {name!r}; use a name such as Asia/Shanghai or UTC") from error
    return name


def _naive_note(count: int, zone: str) -> str:
    return f"{count} times name no zone; taken as {zone}"
