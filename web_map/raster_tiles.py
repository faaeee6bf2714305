"""Tiles of raster layers in WebMercatorQuad, in the colours of the legend."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import rasterio
from PIL import Image
from rio_tiler.errors import RioTilerError, TileOutsideBounds
from rio_tiler.io import Reader

from geo.errors import SourceUnavailable
from geo.raster_grid import GDAL_ERRORS, one_line
from web_map.raster_image import colours_of, png_bytes, webp_bytes

TILE_PIXELS = 256
Picture = Literal["png", "webp"]

BBox = tuple[float, float, float, float]
# Zoom, column, row as in XYZ tiles: row 0 is the northernmost.
Tile = tuple[int, int, int]
Find = Callable[[str], Path]
Colours = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]

# A fire mask is drawn over the brightness temperatures that it was made from.
_FROM_BELOW = ("brightness_temperature", "fire_mask")


@dataclass(frozen=True)
class Scene:
    """A raster of a layer: its name, its kind, and the box that it lies in (west, south, east, north; degrees)."""

    name: str
    kind: str
    box: BBox


def tile_box(tile: Tile) -> BBox:
    """Return west, south, east, north of a tile in degrees."""
    zoom, column, row = tile
    tiles = 2.0**zoom
    north, south = (np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * y / tiles)))) for y in (row, row + 1))
    return 360 * column / tiles - 180, float(south), 360 * (column + 1) / tiles - 180, float(north)


def raster_tile(scenes: Iterable[Scene], tile: Tile, *, find: Find, form: Picture = "png") -> bytes:
    """Draw a tile of rasters; empty where none of them holds anything.

    Where several of one kind overlap, the first that has a value at a pixel is shown there.

    Parameters
    ----------
    scenes : iterable of Scene
        The newest first.
    tile : zoom, column, row
    find : callable
        Gives the file of a scene's name; asked only for those that are needed.
    form : "png" or "webp"
        Both without loss, so that a colour is the legend's.

    Returns
    -------
    bytes
        256 x 256 pixels, transparent where there is nothing.

    Raises
    ------
    SourceUnavailable
        A raster cannot be read.
    """
    kinds: dict[str, list[Scene]] = {}
    for scene in scenes:
        kinds.setdefault(scene.kind, []).append(scene)
    drawn = [_mosaic(kinds[kind], tile, find) for kind in _FROM_BELOW if kind in kinds]
    if not any(known.any() for _, known in drawn):
        return b""
    picture = np.zeros((TILE_PIXELS, TILE_PIXELS, 4), dtype=np.uint8)
    for colours, _ in drawn:
        picture = _over(colours, picture)
    return webp_bytes(picture) if form == "webp" else png_bytes(picture)


def _mosaic(scenes: Iterable[Scene], tile: Tile, find: Find) -> tuple[Colours, Flags]:
    """Return the colours of the first scene that has a value, pixel by pixel, and where one has."""
    picture = np.zeros((TILE_PIXELS, TILE_PIXELS, 4), dtype=np.uint8)
    known = np.zeros((TILE_PIXELS, TILE_PIXELS), dtype=bool)
    for scene in scenes:
        if known[_inside(scene.box, tile)].all():
            continue
        path = find(scene.name)
        values = _values(path, tile)
        if values is None:
            continue
        new = ~np.isnan(values) & ~known
        if new.any():
            picture[new] = colours_of(values, scene.kind, classes=_has_classes(path))[new]
            known |= new
    return picture, known


def _inside(box: BBox, tile: Tile) -> tuple[slice, slice]:
    """Return the pixels of a tile whose centres lie in a box."""
    zoom, column, row = tile
    west, south, east, north = box
    scale = TILE_PIXELS * 2.0**zoom
    x = (np.array([west, east]) + 180) / 360 * scale - TILE_PIXELS * column
    y = (1 - np.arcsinh(np.tan(np.radians(np.clip([north, south], -85.06, 85.06)))) / np.pi) / 2 * scale
    y -= TILE_PIXELS * row
    first, last = (np.clip(np.ceil(np.array([x[n], y[n]]) - 0.5), 0, TILE_PIXELS).astype(int) for n in (0, 1))
    return slice(first[1], last[1]), slice(first[0], last[0])


def _values(path: Path, tile: Tile) -> npt.NDArray[np.float32] | None:
    """Return what a raster holds at a tile's pixels, NaN where nothing; None if it lies elsewhere."""
    zoom, column, row = tile
    try:
        with Reader(str(path)) as reader:
            found = reader.tile(
                column, row, zoom, tilesize=TILE_PIXELS, resampling_method="nearest", reproject_method="nearest"
            )
    except TileOutsideBounds:
        return None
    except (*GDAL_ERRORS, RioTilerError, OSError) as error:
        raise SourceUnavailable(f"the raster {path.name} cannot be drawn: {one_line(error)}") from error
    values: npt.NDArray[np.float32] = np.ma.filled(found.array[0].astype(np.float32), np.nan)
    return values


@lru_cache(maxsize=4096)
def _has_classes(path: Path) -> bool:
    """Return whether any value is above 1: then 1 is a class and not fire. A file's name says its content, so what was
    found of it stays true."""
    with rasterio.open(path) as source:
        return any((source.read(1, window=window) > 1).any() for _, window in source.block_windows(1))


def _over(upper: Colours, lower: Colours) -> Colours:
    if not lower.any():
        return upper
    layers = (Image.fromarray(lower), Image.fromarray(upper))
    return np.asarray(Image.alpha_composite(*layers))
