"""The practice episode's straw fires: points as a satellite reports them and one scene's fire mask. All synthetic."""

from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.random import Generator
from numpy.typing import NDArray

from data_samples.facts import Boundaries
from data_samples.ledgers import inside

Row = dict[str, Any]

FIRMS_COLUMNS = (
    *("latitude", "longitude", "bright_ti4", "scan", "track", "acq_date", "acq_time", "satellite", "instrument"),
    *("confidence", "version", "bright_ti5", "frp", "daynight", "synthetic"),
)
# Passes over the city: time (UTC) and satellite.
PASSES = (
    ("2021-10-18 05:36", "N"),
    ("2021-10-18 04:48", "N20"),
    ("2021-10-19 05:18", "N"),
    ("2021-10-19 06:06", "N20"),
    ("2021-10-19 17:42", "N"),
    ("2021-10-20 05:00", "N"),
    ("2021-10-20 05:48", "N20"),
    ("2021-10-20 17:24", "N"),
    ("2021-10-21 05:30", "N20"),
    ("2021-10-22 05:06", "N20"),
)
# Fires away from the planted cluster, at each pass: few in the wind of the front, none needed at night.
SCATTERED = (6, 5, 9, 8, 2, 9, 8, 3, 2, 4)
CLUSTER_PASSES = ("2021-10-20 05:00", "2021-10-20 05:48")
# Where farmers burn in this practice: west, south, east, north.
FIELDS = (117.6, 33.5, 120.3, 35.4)

SCENE_PASS = "2021-10-20 05:00"
SCENE_WEST, SCENE_NORTH, SCENE_STEP = 118.30, 35.25, 0.005
SCENE_SHAPE = (270, 340)
WATER, CLOUD, LAND, FIRE = 3, 4, 5, {"low": 7, "nominal": 8, "high": 9}
# A cloud in the scene: longitude, latitude, half-widths (degrees).
SCENE_CLOUD = (119.55, 34.95, 0.14, 0.06)


def points(known: Boundaries, rng: Generator, cluster: tuple[tuple[float, float], ...]) -> list[Row]:
    """Return the fire points in FIRMS columns, in order of time; ``cluster`` is the planted straw fire's places."""
    fields = shapely.intersection(shapely.box(*FIELDS), known.land)
    rows: list[Row] = []
    for (time, satellite), count in zip(PASSES, SCATTERED, strict=True):
        places = [inside(rng, fields) for _ in range(count)]
        if time in CLUSTER_PASSES:
            places += [
                (lon + 0.002 * rng.standard_normal(), lat + 0.002 * rng.standard_normal()) for lon, lat in cluster
            ]
        rows += [_point(rng, pd.Timestamp(time), satellite, place) for place in places]
    return sorted(rows, key=lambda row: (row["acq_date"], row["acq_time"], row["latitude"], row["longitude"]))


def _point(rng: Generator, time: pd.Timestamp, satellite: str, place: tuple[float, float]) -> Row:
    day = 0 <= time.hour < 12
    power = 1.5 * float(np.exp(0.7 * rng.standard_normal()))
    confidence = "low" if power < 0.8 else "high" if power > 5 else "nominal"
    background = (303.0 if day else 287.0) + 2.0 * rng.standard_normal()
    fire = {"bright_ti4": round(background + 25 + 6 * power, 1), "bright_ti5": round(background - 8 + 0.4 * power, 1)}
    where = {"latitude": round(place[1], 5), "longitude": round(place[0], 5)}
    when = {"acq_date": f"{time:%Y-%m-%d}", "acq_time": f"{time:%H%M}", "daynight": "D" if day else "N"}
    size = {"scan": round(0.39 + 0.2 * rng.random(), 2), "track": round(0.37 + 0.2 * rng.random(), 2)}
    sensor = {"satellite": satellite, "instrument": "VIIRS", "confidence": confidence[0], "version": "synthetic"}
    return {**where, **fire, **size, **when, **sensor, "frp": round(power, 2), "synthetic": True}


def scene(known: Boundaries, rows: list[Row]) -> tuple[NDArray[np.uint8], dict[str, str]]:
    """Return the fire mask of one pass over the city (MODIS classes, rows from the north) and its metadata.

    A pixel is a fire where a fire point of that pass lies in it; points outside of the scene are not in the mask.
    """
    height, width = SCENE_SHAPE
    lon = SCENE_WEST + SCENE_STEP * (np.arange(width) + 0.5)
    lat = SCENE_NORTH - SCENE_STEP * (np.arange(height) + 0.5)
    grid_lon, grid_lat = np.meshgrid(lon, lat)
    land = known.land
    shapely.prepare(land)
    mask = np.where(shapely.contains_xy(land, grid_lon, grid_lat), LAND, WATER).astype(np.uint8)
    x, y, half_x, half_y = SCENE_CLOUD
    mask[((grid_lon - x) / half_x) ** 2 + ((grid_lat - y) / half_y) ** 2 < 1] = CLOUD
    time = pd.Timestamp(SCENE_PASS)
    names = {name[0]: value for name, value in FIRE.items()}
    for row in rows:
        if (row["acq_date"], row["acq_time"]) != (f"{time:%Y-%m-%d}", f"{time:%H%M}"):
            continue
        i, j = int((SCENE_NORTH - row["latitude"]) / SCENE_STEP), int((row["longitude"] - SCENE_WEST) / SCENE_STEP)
        if 0 <= i < height and 0 <= j < width:
            mask[i, j] = max(names[row["confidence"]], mask[i, j] if mask[i, j] >= FIRE["low"] else 0)
    tags = {
        "TIFFTAG_DATETIME": f"{time:%Y:%m:%d %H:%M:%S}",
        "TIFFTAG_IMAGEDESCRIPTION": "synthetic practice data / 模拟演练数据",
        "time": f"{time:%Y-%m-%dT%H:%M:%SZ}",
        "kind": "fire_mask",
        "satellite": "Suomi NPP",
        "instrument": "VIIRS",
        "synthetic": "true",
        "classes": "3 water, 4 cloud, 5 land, 7 fire low, 8 fire nominal, 9 fire high confidence",
    }
    return mask, tags
