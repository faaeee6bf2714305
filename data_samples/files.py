"""Write the sample files so that the same content is the same bytes, and list them with their hashes."""

import csv
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray

MANIFEST = "MANIFEST.json"

Row = Mapping[str, Any]


def write_json(path: Path, content: Any) -> None:
    """Write JSON with one indent, Chinese as it is, and a line break at the end."""
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8", newline="\n")


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Write a table as UTF-8 CSV; what a row does not hold is an empty cell."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_cell(row.get(name)) for name in columns] for row in rows)


def write_geojson(path: Path, features: Iterable[tuple[Any, Row]], about: Row, *, decimals: int = 6) -> None:
    """Write (geometry, properties) in WGS 84 as GeoJSON, one feature a line.

    ``about`` goes beside the features: what the file is, its source and whether it is synthetic.
    """
    lines = [_feature(geometry, properties, decimals) for geometry, properties in features]
    head = json.dumps({"type": "FeatureCollection", **about}, ensure_ascii=False)
    text = head[:-1] + ', "features": [\n' + ",\n".join(lines) + "\n]}\n"
    path.write_text(text, encoding="utf-8", newline="\n")


def write_mask(
    path: Path, mask: NDArray[np.uint8], corner: tuple[float, float, float], tags: Mapping[str, str]
) -> None:
    """Write a fire mask (uint8, shape (y, x), rows from the north) as GeoTIFF in WGS 84.

    ``corner`` is west, north and the size of a pixel in degrees. Not compressed: compressors differ in their bytes.
    """
    west, north, step = corner
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 1, "crs": "EPSG:4326", "nodata": 0}
    transform = Affine(step, 0.0, west, 0.0, -step, north)
    with rasterio.open(path, "w", height=mask.shape[0], width=mask.shape[1], transform=transform, **profile) as file:
        file.write(mask, 1)
        file.set_band_description(1, "fire_mask")
        file.update_tags(**tags)


def manifest(folder: Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return size and SHA-256 of each file."""
    found = {}
    for name in sorted(names):
        content = (folder / name).read_bytes()
        found[name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    return found


def _feature(geometry: Any, properties: Row, decimals: int) -> str:
    rounded = shapely.orient_polygons(shapely.transform(geometry, lambda xy: np.round(xy, decimals)))
    shape = json.loads(shapely.to_geojson(rounded))
    shape["coordinates"] = _rounded(shape["coordinates"], decimals)
    return json.dumps({"type": "Feature", "properties": dict(properties), "geometry": shape}, ensure_ascii=False)


def _rounded(values: Any, decimals: int) -> Any:
    return [_rounded(v, decimals) for v in values] if isinstance(values, list) else round(values, decimals)


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool | np.bool_) else value
