"""Who must be watched and is not: large construction sites and elevated sources.

The plan of 2021: construction sites of 5000 m2 and more have an online monitor and video; sources whose outlet is
higher than 45 m (高架源) have an online monitor. What a ledger leaves open counts as missing, and the reason says so.
"""

import geopandas as gpd
import pandas as pd

from geo.errors import InvalidInput

LARGE_SITE_M2 = 5000.0
ELEVATED_M = 45.0

SITE_COLUMNS = ("name", "area_m2", "stage", "lacking", "reason", "valid_from", "valid_to", "district")
STACK_COLUMNS = ("id", "name", "industry", "stack_height_m", "reason", "district")


def unmonitored_sites(sites: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the construction sites of at least 5000 m2 that lack the online monitor or the video.

    Parameters
    ----------
    sites : GeoDataFrame
        Column `area_m2`; `online_monitor`, `video` and the others of the layer construction_sites where known.

    Returns
    -------
    GeoDataFrame, columns `SITE_COLUMNS` and `synthetic` if it was there
        In the order of the input; `lacking` is monitor, video or both. valid_from and valid_to stay, so that the list
        of any day can be shown.

    Raises
    ------
    InvalidInput
        No column `area_m2`.
    """
    area = _numbers(sites, "area_m2", "construction_sites")
    chosen = sites[(area >= LARGE_SITE_M2).to_numpy()]
    monitor, video = (_answers(chosen, name) for name in ("online_monitor", "video"))
    there = pd.DataFrame({"monitor": monitor == "yes", "video": video == "yes"}, index=chosen.index)
    lacking = pd.Series("both", index=chosen.index).mask(there["video"], "monitor").mask(there["monitor"], "video")
    out = chosen.assign(lacking=lacking, reason=_site_reasons(chosen["area_m2"], monitor, video))
    return _laid_out(out[~there.all(axis=1).to_numpy()], SITE_COLUMNS)


def unmonitored_stacks(sources: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the sources whose outlet is higher than 45 m and that lack the online monitor.

    Parameters
    ----------
    sources : GeoDataFrame
        Column `stack_height_m` (m); `online_monitor` and the others of the layer emission_sources where known. A
        source without a height is not elevated.

    Returns
    -------
    GeoDataFrame, columns `STACK_COLUMNS` and `synthetic` if it was there
        In the order of the input.

    Raises
    ------
    InvalidInput
        No column `stack_height_m`.
    """
    height = _numbers(sources, "stack_height_m", "emission_sources")
    chosen = sources[(height > ELEVATED_M).to_numpy()]
    monitor = _answers(chosen, "online_monitor")
    reasons = [
        f"排气口高 {metres:g} m，高于 45 m，在线监测{_ZH[answer]} / "
        f"outlet at {metres:g} m, above 45 m; online monitor {_EN[answer]}"
        for metres, answer in zip(chosen["stack_height_m"], monitor, strict=True)
    ]
    out = chosen.assign(reason=pd.Series(reasons, index=chosen.index, dtype="str"))
    return _laid_out(out[(monitor != "yes").to_numpy()], STACK_COLUMNS)


_ZH = {"yes": "已装", "no": "未装", "unknown": "台账未填"}
_EN = {"yes": "there", "no": "missing", "unknown": "not said in the ledger"}


def _numbers(frame: gpd.GeoDataFrame, name: str, layer: str) -> pd.Series:
    if name not in frame:
        raise InvalidInput(f"{layer}: column {name} is missing: add it")
    return pd.to_numeric(frame[name], errors="coerce")


def _answers(frame: gpd.GeoDataFrame, name: str) -> pd.Series:
    """Return yes, no or unknown."""
    if name not in frame:
        return pd.Series("unknown", index=frame.index, dtype="str")
    said = frame[name].astype("boolean")
    return said.map({True: "yes", False: "no"}).astype("str").fillna("unknown")


def _site_reasons(area: pd.Series, monitor: pd.Series, video: pd.Series) -> pd.Series:
    reasons = [
        f"占地 {m2:g} m2，不少于 5000 m2，在线监测{_ZH[one]}，视频监控{_ZH[two]} / "
        f"{m2:g} m2, 5000 m2 or more; online monitor {_EN[one]}, video {_EN[two]}"
        for m2, one, two in zip(area, monitor, video, strict=True)
    ]
    return pd.Series(reasons, index=area.index, dtype="str")


def _laid_out(frame: gpd.GeoDataFrame, columns: tuple[str, ...]) -> gpd.GeoDataFrame:
    kept = [name for name in (*columns, "synthetic") if name in frame]
    return frame[[*kept, frame.active_geometry_name]].reset_index(drop=True)
