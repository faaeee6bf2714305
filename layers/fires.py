"""Satellite fires: FIRMS tables and fire rasters into fire points and raster layers."""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.errors import InvalidInput
from geo.rasters import Raster, pixel_centres_lonlat, read_raster
from layers.catalogue import get_schema
from layers.files import read_features
from layers.firms import SATELLITES, is_firms
from layers.frames import WGS84
from layers.ingest import ingest
from layers.merge import Merged, merge
from layers.provenance import content_hash, provenance
from layers.store import LayerData, UnknownLayer, Workspace
from layers.versions import Cause, os_user

THRESHOLD_K = 330.0
MASK_CONFIDENCE = {7: "low", 8: "nominal", 9: "high"}
_EDGE_POINTS = 32


@dataclass(frozen=True)
class AddedRaster:
    """What adding a raster did: its path in the workspace, its fire pixels, and how many of them were new."""

    path: str
    time: pd.Timestamp | None
    kind: str
    fire_pixels: int
    new_points: int


def read_firms(path: str | Path) -> gpd.GeoDataFrame:
    """Read a NASA FIRMS table, of any column set, as fire points; every row is kept.

    Parameters
    ----------
    path : path
        CSV or Excel.

    Returns
    -------
    GeoDataFrame
        EPSG:4326, the columns of layer `fire_points`, then the file's others. `brightness_k` is the 4 um channel.

    Raises
    ------
    InvalidInput
        Not a FIRMS table, or a row that cannot be understood.
    """
    name = Path(path).name
    columns = read_features(path).frame.columns
    if not is_firms(columns):
        raise InvalidInput(f"{name} is not a NASA FIRMS table: no acq_date and acq_time; it has {', '.join(columns)}")
    report = ingest(path, get_schema("fire_points"))
    if report.refused:
        first = report.rejected.iloc[0]
        raise InvalidInput(f"{name}, line {first['line']}, {first['column']} {first['value']!r} {first['reason_en']}")
    return report.accepted


def fire_pixels(raster: Raster, *, threshold_k: float | None = None) -> gpd.GeoDataFrame:
    """Return the fire pixels of a raster as fire points.

    A fire mask holds either the classes of MODIS and VIIRS, of which 7, 8 and 9 are fires of low, nominal and high
    confidence (Giglio et al. 2016, doi:10.1016/j.rse.2016.02.054), or 0 and 1. A brightness-temperature grid is
    screened with one threshold: by default 330 K, the highest value that the daytime candidate threshold of the VIIRS
    375 m algorithm takes for the 4 um channel (Schroeder et al. 2014, doi:10.1016/j.rse.2013.12.008). That is a
    screening and not a detection, so its confidence is "low" and the grounds say the threshold.

    Parameters
    ----------
    raster : Raster
        With its time of acquisition.
    threshold_k : float, optional
        Kelvin; only for brightness temperatures.

    Returns
    -------
    GeoDataFrame
        EPSG:4326, one point per fire pixel at its centre: time, satellite, instrument, confidence, brightness_k,
        grounds, source. Empty when there is no fire pixel.

    Raises
    ------
    InvalidInput
        No time of acquisition; a threshold for a mask or outside 250 to 500 K.
    """
    if raster.time is None:
        raise InvalidInput("the raster does not say when it was acquired; give its time, as 2024-06-12T05:30:00Z")
    if raster.kind == "fire_mask":
        if threshold_k is not None:
            raise InvalidInput("a threshold in kelvin is for brightness temperatures; this raster is a fire mask")
        rows, cols, confidence, grounds = _mask_pixels(raster.values)
    else:
        limit = THRESHOLD_K if threshold_k is None else float(threshold_k)
        if not 250 <= limit <= 500:
            raise InvalidInput(f"threshold {limit:g} K makes no sense; fires stand out between 250 and 500 K")
        rows, cols, confidence, grounds = _hot_pixels(raster.values, limit)
    lon, lat = pixel_centres_lonlat(raster, rows, cols)
    satellite = _satellite(raster)
    columns = {
        "time": pd.Series(raster.time.tz_convert("UTC"), index=range(len(rows)), dtype="datetime64[ms, UTC]"),
        "satellite": _repeat(satellite, len(rows)),
        "instrument": _repeat(raster.attrs.get("instrument"), len(rows)),
        "confidence": pd.Series(confidence, dtype="str"),
        "brightness_k": pd.Series(_brightness(raster, rows, cols), dtype="float64"),
        "grounds": pd.Series(grounds, dtype="str"),
        "source": _repeat("fire raster", len(rows)),
    }
    return gpd.GeoDataFrame(columns, geometry=shapely.points(lon, lat), crs=WGS84)


def add_raster(
    workspace: Workspace,
    path: str | Path,
    *,
    time: str | datetime | None = None,
    kind: str | None = None,
    satellite: str | None = None,
    threshold_k: float | None = None,
    synthetic: bool = False,
) -> AddedRaster:
    """Add a satellite scene: the grid as a raster layer, its fire pixels as fire points; all of it or nothing.

    Adding the same scene again changes nothing.

    Parameters
    ----------
    workspace : Workspace
    path : path
        GeoTIFF or NetCDF with a fire mask or brightness temperatures.
    time, kind : optional
        As in `geo.rasters.read_raster`.
    satellite : str, optional
        By default what the file says.
    threshold_k : float, optional
        As in `fire_pixels`.
    synthetic : bool
        The scene is generated.

    Returns
    -------
    AddedRaster

    Raises
    ------
    InvalidInput, SourceUnavailable
        As `geo.rasters.read_raster` and `fire_pixels`; a full disk.
    """
    raster = read_raster(path, time=time, kind=kind)
    if satellite is not None:
        raster = replace(raster, attrs={**raster.attrs, "satellite": satellite})
    points = fire_pixels(raster, threshold_k=threshold_k)
    parameters = {"time": raster.time, "kind": raster.kind, "satellite": satellite, "threshold_k": threshold_k}
    digest = content_hash(path)
    record = provenance("layers add fire_rasters", {Path(path).name: digest}, parameters)
    cause = Cause("add", os_user(), Path(path).name, digest)
    with workspace.transaction():
        relative = workspace.rasters.put(raster)
        scenes = _merged(workspace, "fire_rasters", _footprint(raster, relative), synthetic)
        fires = _merged(workspace, "fire_points", points, synthetic)
        ready = {"fire_rasters": scenes, "fire_points": fires}
        workspace.write(
            {
                name: LayerData(found.frame, provenance=record, cause=cause)
                for name, found in ready.items()
                if found.added or found.updated
            }
        )
    return AddedRaster(relative, raster.time, raster.kind, len(points), fires.added)


def _merged(workspace: Workspace, layer: str, new: gpd.GeoDataFrame, synthetic: bool) -> Merged:
    if synthetic:
        new = new.assign(synthetic=True)
    try:
        old = workspace.read(layer)
    except UnknownLayer:
        old = None
    return merge(old, new, get_schema(layer))


def _footprint(raster: Raster, relative: str) -> gpd.GeoDataFrame:
    """Return the raster's outline in longitude and latitude, its edges cut into pieces so that they bend rightly."""
    height, width = raster.values.shape
    corners = shapely.box(0, 0, width, height)
    ring = shapely.segmentize(corners, max(height, width) / _EDGE_POINTS)
    t = raster.transform
    outline = shapely.transform(
        ring, lambda c: np.column_stack([t.a * c[:, 0] + t.b * c[:, 1] + t.c, t.d * c[:, 0] + t.e * c[:, 1] + t.f])
    )
    shape = gpd.GeoSeries([outline], crs=raster.crs.to_wkt()).to_crs(WGS84)
    columns = {
        "time": [raster.time],
        "satellite": _repeat(_satellite(raster), 1),
        "kind": [raster.kind],
        "path": [relative],
        "unit": ["K" if raster.kind == "brightness_temperature" else "class"],
    }
    return gpd.GeoDataFrame(columns, geometry=shape, crs=WGS84)


def _satellite(raster: Raster) -> str | None:
    named = raster.attrs.get("satellite") or raster.attrs.get("platform")
    return None if named is None else SATELLITES.get(str(named).strip().casefold(), str(named))


def _repeat(value: str | None, count: int) -> pd.Series:
    return pd.Series([value] * count, dtype="str")


def _mask_pixels(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[str], list[str]]:
    simple = not (values > 1).any()
    rows, cols = np.nonzero(values == 1) if simple else np.nonzero(np.isin(values, list(MASK_CONFIDENCE)))
    if simple:
        return rows, cols, ["nominal"] * len(rows), ["fire mask: 1"] * len(rows)
    classes = values[rows, cols].astype(int)
    confidence = [MASK_CONFIDENCE[int(c)] for c in classes]
    return rows, cols, confidence, [f"fire mask: class {c}" for c in classes]


def _hot_pixels(values: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray, list[str], list[str]]:
    rows, cols = np.nonzero(values > limit)
    grounds = [f"brightness temperature {value:.1f} K > {limit:g} K" for value in values[rows, cols]]
    return rows, cols, ["low"] * len(rows), grounds


def _brightness(raster: Raster, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    if raster.kind == "fire_mask":
        return np.full(len(rows), np.nan)
    return raster.values[rows, cols].astype("float64")
