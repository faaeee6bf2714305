"""KML and KMZ in: every placemark with its name, description and extended data; all folders together."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.errors import InvalidInput
from layers.frames import WGS84
from layers.points import Problem
from layers.tables import BROKEN_ARCHIVE, read_bytes

_LIMIT = 2**30


def read_kml(path: Path) -> tuple[gpd.GeoDataFrame, list[Problem]]:
    """Read the placemarks of a ``.kml`` file, or of the first KML inside a ``.kmz`` archive.

    Returns
    -------
    frame : GeoDataFrame, EPSG:4326
        Text columns: name, description and the extended data. Heights are dropped, links are not followed.
    problems : list of Problem
        Placemarks whose geometry cannot be read.

    Raises
    ------
    InvalidInput
        The file is not KML, is cut off, or holds no placemark.
    """
    root = _parsed(_unzipped(path) if path.suffix.lower() == ".kmz" else read_bytes(path), path.name)
    rows: list[dict[str, str]] = []
    shapes: list[shapely.Geometry | None] = []
    problems: list[Problem] = []
    for row, mark in enumerate(node for node in root.iter() if _tag(node) == "Placemark"):
        rows.append(_attributes(mark))
        try:
            shapes.append(_geometry(mark))
        except (ValueError, IndexError, RuntimeError, shapely.errors.ShapelyError):
            shapes.append(shapely.Point())
            problems.append(Problem(row, "geometry", None, "几何无法读取", "the geometry cannot be read"))
    if not rows:
        raise InvalidInput(f"{path.name} holds no placemark; export the places themselves, not a link to them")
    table = pd.DataFrame(rows, index=range(len(rows))).astype("str")
    table = table.rename(columns={"geometry": "geometry_2"})
    return gpd.GeoDataFrame(table, geometry=np.array(shapes, dtype=object), crs=WGS84), problems


def _unzipped(path: Path) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(read_bytes(path))) as archive:
            inside = [one for one in archive.infolist() if one.filename.lower().endswith(".kml")]
            if not inside:
                raise InvalidInput(f"{path.name} holds no KML file")
            if inside[0].file_size > _LIMIT:
                raise InvalidInput(f"{path.name} unpacks to more than {_LIMIT // 2**30} GiB; use a GeoPackage")
            return archive.read(inside[0])
    except BROKEN_ARCHIVE as error:
        if isinstance(error, InvalidInput):
            raise
        raise InvalidInput(f"{path.name} is not a KMZ archive or is cut off") from error


def _parsed(data: bytes, name: str) -> ElementTree.Element:
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise InvalidInput(f"{name} declares entities of its own, which KML does not need; export it again")
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise InvalidInput(f"{name} is not KML or is cut off: {error}") from error
    if _tag(root) != "kml":
        raise InvalidInput(f"{name} is XML but not KML")
    return root


def _tag(node: ElementTree.Element) -> str:
    return node.tag.rpartition("}")[2]


def _attributes(mark: ElementTree.Element) -> dict[str, str]:
    found = {_tag(node): node.text.strip() for node in mark if _tag(node) in ("name", "description") and node.text}
    for node in mark.iter():
        value = next((inner.text for inner in node if _tag(inner) == "value"), None)
        text = node.text if _tag(node) == "SimpleData" else value if _tag(node) == "Data" else None
        if text and text.strip():
            found[str(node.get("name"))] = text.strip()
    return found


def _geometry(mark: ElementTree.Element) -> shapely.Geometry | None:
    shapes = [shape for node in mark for shape in _shapes(node)]
    if not shapes:
        return None
    kinds = {shape.geom_type for shape in shapes}
    if len(shapes) == 1:
        return shapes[0]
    if kinds == {"Polygon"}:
        return shapely.MultiPolygon(shapes)
    return shapely.MultiLineString(shapes) if kinds == {"LineString"} else shapely.GeometryCollection(shapes)


def _shapes(node: ElementTree.Element) -> Iterator[shapely.Geometry]:
    kind = _tag(node)
    if kind == "Point":
        yield shapely.Point(_coordinates(node)[0])
    elif kind == "LineString":
        yield shapely.LineString(_coordinates(node))
    elif kind == "Polygon":
        outer = next(_coordinates(ring) for ring in node if _tag(ring) == "outerBoundaryIs")
        yield shapely.Polygon(outer, [_coordinates(ring) for ring in node if _tag(ring) == "innerBoundaryIs"])
    elif kind == "MultiGeometry":
        for inner in node:
            yield from _shapes(inner)


def _coordinates(node: ElementTree.Element) -> list[tuple[float, float]]:
    text = next((inner.text for inner in node.iter() if _tag(inner) == "coordinates"), None) or ""
    pairs = [entry.split(",") for entry in text.split()]
    return [(float(pair[0]), float(pair[1])) for pair in pairs]
