"""Vector files in: GeoJSON, Shapefile, GeoPackage, KML, CSV, Excel, FlatGeobuf, GeoParquet, to EPSG:4326."""

import json
import sqlite3
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow
import pyogrio
import pyogrio.errors
import pyproj
import pyproj.exceptions
import shapely

from geo.datum import check_datum, geometry_to_wgs84
from geo.errors import InvalidInput, SourceUnavailable
from layers.frames import WGS84
from layers.gauss_kruger import Reference, assume_reference, is_metres
from layers.kml import read_kml
from layers.points import Problem, bad_coordinates, geometry_from_columns
from layers.tables import BROKEN_ARCHIVE, decode, infer_times, infer_types, read_bytes, read_table
from layers.writers import write_vector

__all__ = ["READABLE", "Features", "grounded", "locate", "read_features", "read_vector", "write_vector"]

TABLES = (".csv", ".txt", ".tsv", ".xlsx")
_MAGIC = {
    ".gpkg": (b"SQLite format 3\x00", "a GeoPackage"),
    ".shp": (b"\x00\x00\x27\x0a", "a Shapefile"),
    ".zip": (b"PK", "a ZIP archive"),
    ".xlsx": (b"PK", "an Excel .xlsx file"),
    ".fgb": (b"fgb", "a FlatGeobuf file"),
    ".parquet": (b"PAR1", "a Parquet file"),
    ".kmz": (b"PK", "a KMZ archive"),
}
_ZIP_LIMIT = 4 * 2**30


@dataclass(frozen=True)
class Features:
    """A file's rows before any check against a schema.

    `frame` holds the values as the file has them; for tables its index, called "line", is the line or sheet row.
    `problems` are rows whose geometry could not be made; `raw` says that every attribute is still text.
    """

    frame: gpd.GeoDataFrame
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    raw: bool = False


def read_vector(
    path: str | Path, *, datum: str | None = None, encoding: str | None = None, layer: str | None = None
) -> gpd.GeoDataFrame:
    """Read a vector file or a table with coordinates.

    Parameters
    ----------
    path : path
        ``.geojson``/``.json``, ``.shp``, ``.zip`` with a Shapefile, ``.gpkg``, ``.csv``/``.txt``/``.tsv``, ``.xlsx``,
        ``.kml``, ``.kmz``, ``.fgb`` or ``.parquet``.
    datum : str, optional
        One of `geo.datum.DATUMS` in which the coordinates are meant; by default what the file's CRS says.
    encoding : str, optional
        Of text; by default recognised (UTF-8 or GB18030).
    layer : str, optional
        Layer of a GeoPackage, sheet of a workbook, file in a ZIP archive.

    Returns
    -------
    GeoDataFrame
        EPSG:4326, index from 0. Text columns of a table become numbers, truth values or UTC times where every
        value is one; codes with leading zeros stay text.

    Raises
    ------
    SourceUnavailable
        There is no such file.
    InvalidInput
        Unknown extension or datum, a file that is not what its name says, no coordinates, coordinates that are not
        degrees, or a row without usable coordinates (`ingest` reports all such rows instead).
    """
    if datum is not None:
        check_datum(datum)
    features = grounded(read_features(path, encoding=encoding, layer=layer), Path(path).name)
    frame, problems = locate(features, datum)
    if problems:
        first = problems[0]
        where = f"line {frame.index[first.row]}" if frame.index.name == "line" else f"row {first.row + 1}"
        more = f" ({len(problems)} such rows)" if len(problems) > 1 else ""
        raise InvalidInput(f"{Path(path).name}, {where}, column {first.column}: {first.reason_en}{more}")
    typed = infer_types(frame) if features.raw else infer_times(frame)
    return gpd.GeoDataFrame(typed.reset_index(drop=True), geometry="geometry", crs=WGS84)


def read_features(path: str | Path, *, encoding: str | None = None, layer: str | None = None) -> Features:
    """Read a file's rows as they are, with the file's own CRS (see `read_vector` for the formats).

    Raises
    ------
    InvalidInput
        As `read_vector`, except for rows without usable coordinates, which come back as problems.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    reader = READABLE.get(suffix)
    if reader is None:
        raise InvalidInput(f"{path.name}: unknown extension {suffix!r}; readable are {', '.join(READABLE)}")
    if not path.is_file():
        raise SourceUnavailable(f"there is no file {path}; check the path")
    _check_magic(path, suffix)
    return reader(path, encoding, layer)


def grounded(features: Features, name: str, reference: Reference | None = None) -> Features:
    """Give features without a reference system the one that their numbers show; others come back as they are.

    Raises
    ------
    InvalidInput
        As `gauss_kruger.assume_reference`.
    """
    if features.frame.crs is not None:
        return features
    found = assume_reference(features.frame, name, reference)
    problems = [*features.problems, *found.problems]
    return replace(features, frame=found.frame, problems=problems, notes=[*features.notes, *found.notes])


def locate(features: Features, datum: str | None) -> tuple[gpd.GeoDataFrame, list[Problem]]:
    """Bring features that have a CRS to longitude and latitude in WGS 84.

    Returns
    -------
    frame : GeoDataFrame
        EPSG:4326, two-dimensional; the geometry is empty where it cannot be used.
    problems : list of Problem
        Those of the features and coordinates outside the degrees of the globe, ordered by row.
    """
    frame = features.frame
    problems = list(features.problems)
    if frame.crs.is_geographic:
        wrong = bad_coordinates(frame.geometry)
        problems += wrong
        frame = _without(frame, wrong)
    moved = geometry_to_wgs84(frame.geometry, datum or "wgs84")
    frame = frame.set_geometry(gpd.GeoSeries(shapely.force_2d(moved.to_numpy()), index=frame.index, crs=WGS84))
    wrong = bad_coordinates(frame.geometry)
    problems += wrong
    if frame.active_geometry_name != "geometry":
        frame = frame.rename_geometry("geometry")
    return _without(frame, wrong), sorted(problems, key=lambda problem: problem.row)


def _without(frame: gpd.GeoDataFrame, wrong: list[Problem]) -> gpd.GeoDataFrame:
    if not wrong:
        return frame
    shapes = frame.geometry.to_numpy().copy()
    shapes[[problem.row for problem in wrong]] = shapely.Point()
    return frame.set_geometry(gpd.GeoSeries(shapes, index=frame.index, crs=frame.crs))


def _check_magic(path: Path, suffix: str) -> None:
    magic, title = _MAGIC.get(suffix, (b"", ""))
    with path.open("rb") as stream:
        start = stream.read(16)
    if not start:
        raise InvalidInput(f"{path.name} is empty (0 bytes)")
    if not start.startswith(magic) and not (suffix == ".xlsx" and start.startswith(b"\xd0\xcf\x11\xe0")):
        raise InvalidInput(f"{path.name} is not {title}, whatever its name says; check the file or its extension")


def _read_table(path: Path, encoding: str | None, layer: str | None) -> Features:
    table = read_table(path, encoding=encoding, sheet=layer)
    geometry, rest, problems = geometry_from_columns(table, path.name)
    plane = is_metres(shapely.get_coordinates(geometry.to_numpy()))
    return Features(gpd.GeoDataFrame(rest, geometry=geometry, crs=None if plane else WGS84), problems, raw=True)


def _read_kml(path: Path, encoding: str | None, layer: str | None) -> Features:
    frame, problems = read_kml(path)
    return Features(frame, problems, raw=True)


def _read_geojson(path: Path, encoding: str | None, layer: str | None) -> Features:
    text = decode(read_bytes(path), path.name, encoding)
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidInput(f"{path.name} is not GeoJSON or is cut off: {error.msg} at {where}") from error
    except RecursionError as error:
        raise InvalidInput(f"{path.name} is nested too deep for GeoJSON") from error
    except ValueError as error:
        raise InvalidInput(f"{path.name} is not GeoJSON: a number in it has too many digits") from error
    kind = content.get("type") if isinstance(content, dict) else None
    if kind == "FeatureCollection":
        found = content.get("features")
    else:
        found = [content] if kind == "Feature" else None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise InvalidInput(f"{path.name} is JSON but not GeoJSON; a FeatureCollection is needed")
    return _from_geojson(found, _geojson_crs(content, path.name), path.name)


def _from_geojson(found: list[dict[str, object]], crs: pyproj.CRS, name: str) -> Features:
    shapes: list[shapely.Geometry | None] = []
    problems: list[Problem] = []
    for row, one in enumerate(found):
        try:
            shapes.append(None if one.get("geometry") is None else shapely.geometry.shape(one["geometry"]))
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, shapely.errors.ShapelyError):
            shapes.append(shapely.Point())
            problems.append(Problem(row, "geometry", None, "几何无法读取", "the geometry cannot be read"))
    properties = [_plain(one.get("properties")) for one in found]
    if found and all("id" in one for one in found) and not any("id" in values for values in properties):
        properties = [{"id": one["id"], **values} for one, values in zip(found, properties, strict=True)]
    table = pd.DataFrame(properties, index=range(len(found)))
    table = table.rename(columns={"geometry": "geometry_2"})
    return Features(gpd.GeoDataFrame(table, geometry=np.array(shapes, dtype=object), crs=crs), problems)


def _plain(properties: object) -> dict[str, object]:
    """Return a feature's properties; lists and objects in them as JSON text, for no column holds such."""
    given = properties if isinstance(properties, dict) else {}
    return {
        name: json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
        for name, value in given.items()
    }


def _geojson_crs(content: dict[str, object], name: str) -> pyproj.CRS:
    declared = content.get("crs")
    text = declared.get("properties", {}).get("name") if isinstance(declared, dict) else None
    try:
        return pyproj.CRS.from_user_input(text or WGS84)
    except pyproj.exceptions.CRSError as error:
        raise InvalidInput(f"{name}: unknown coordinate reference system {text!r}") from error


def _read_shapefile(path: Path, encoding: str | None, layer: str | None) -> Features:
    if encoding is None and not path.with_suffix(".cpg").exists() and not path.with_suffix(".CPG").exists():
        encoding = _dbf_encoding(path)
    return Features(_ogr(path, None, encoding))


def _dbf_encoding(path: Path) -> str:
    table = next((found for end in (".dbf", ".DBF") if (found := path.with_suffix(end)).exists()), None)
    if table is None:
        return "UTF-8"
    data = read_bytes(table)
    start = int.from_bytes(data[8:10], "little")
    names = b"".join(data[at : at + 11].split(b"\x00")[0] for at in range(32, max(start - 1, 32), 32))
    try:
        (names + data[start:].replace(b"\x00", b" ")).decode("utf-8")
    except UnicodeDecodeError:
        return "GB18030"
    return "UTF-8"


def _read_zip(path: Path, encoding: str | None, layer: str | None) -> Features:
    try:
        archive = zipfile.ZipFile(path)
    except BROKEN_ARCHIVE as error:
        raise InvalidInput(f"{path.name} is not a ZIP archive or is cut off") from error
    with archive, tempfile.TemporaryDirectory() as folder:
        names = [name for name in archive.namelist() if not name.endswith("/") and "__MACOSX" not in name]
        shapes = [name for name in names if name.lower().endswith(".shp")]
        chosen = [name for name in shapes if layer is None or Path(name).stem == layer]
        if len(chosen) != 1:
            there = ", ".join(Path(name).stem for name in shapes) or "none"
            raise InvalidInput(f"{path.name} must hold one Shapefile or the layer must be named; those inside: {there}")
        stem = chosen[0][:-4]
        parts = [name for name in names if name[: name.rfind(".")] == stem]
        if sum(archive.getinfo(name).file_size for name in parts) > _ZIP_LIMIT:
            raise InvalidInput(f"{path.name} unpacks to more than {_ZIP_LIMIT // 2**30} GiB; use a GeoPackage")
        for name in parts:
            target = Path(folder) / f"layer{name[name.rfind('.') :].lower()}"
            try:
                content = archive.read(name)
            except BROKEN_ARCHIVE as error:
                raise InvalidInput(f"{path.name} is not a ZIP archive or is cut off") from error
            target.write_bytes(content)
        return _read_shapefile(Path(folder) / "layer.shp", encoding, None)


def _read_ogr(path: Path, encoding: str | None, layer: str | None) -> Features:
    if path.suffix.lower() == ".gpkg":
        layer = _one_layer(path, layer)
    return Features(_ogr(path, layer, encoding))


def _one_layer(path: Path, layer: str | None) -> str:
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)) as base:
            rows = base.execute("SELECT table_name FROM gpkg_contents WHERE data_type = 'features' ORDER BY rowid")
            there = [str(name) for (name,) in rows]
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path.name} is not a GeoPackage or is damaged") from error
    if layer in there:
        return str(layer)
    if layer is None and len(there) == 1:
        return there[0]
    problem = "has several layers; name one" if layer is None else f"has no layer {layer!r}"
    raise InvalidInput(f"{path.name} {problem}; its layers with geometry: {', '.join(there) or 'none'}")


def _ogr(path: Path, layer: str | None, encoding: str | None) -> gpd.GeoDataFrame:
    try:
        frame = pyogrio.read_dataframe(path, layer=layer, encoding=encoding)
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path.name}: text is not in the encoding that it declares; give its encoding") from error
    except (RuntimeError, ValueError, IndexError, TypeError, OSError, shapely.errors.ShapelyError) as error:
        # A damaged file breaks GDAL and what lies on it in ways that nobody names; pyogrio's own are RuntimeErrors.
        raise InvalidInput(f"{path.name} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(frame, gpd.GeoDataFrame):
        raise InvalidInput(f"{path.name} has no geometry; a layer with points, lines or polygons is needed")
    return frame


def _read_parquet(path: Path, encoding: str | None, layer: str | None) -> Features:
    try:
        return Features(gpd.read_parquet(path))
    except (ValueError, OSError, KeyError, TypeError, pyarrow.ArrowException, shapely.errors.ShapelyError) as error:
        raise InvalidInput(f"{path.name} is not GeoParquet: {' '.join(str(error).split())}") from error


READABLE: dict[str, Callable[[Path, str | None, str | None], Features]] = {
    ".geojson": _read_geojson,
    ".json": _read_geojson,
    ".shp": _read_shapefile,
    ".zip": _read_zip,
    ".gpkg": _read_ogr,
    ".fgb": _read_ogr,
    ".parquet": _read_parquet,
    ".kml": _read_kml,
    ".kmz": _read_kml,
    **dict.fromkeys(TABLES, _read_table),
}
