"""Vector files out, each whole or not at all."""

import csv
import importlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pyogrio.errors
import shapely

from geo.errors import InvalidInput, SourceUnavailable
from layers.frames import kinds, normalise
from layers.tables import guarded

Provenance = Mapping[str, object]


def write_vector(gdf: gpd.GeoDataFrame, path: str | Path, provenance: Provenance | None = None) -> list[Path]:
    """Write features to a file of the kind that its extension names.

    Equal input gives equal bytes for GeoJSON and CSV. Coordinates are longitude and latitude in WGS 84, times ISO
    8601 in UTC. GeoJSON carries the provenance as a member of its own; beside any other file stands
    ``<file>.provenance.json``. In CSV and Excel, text that a spreadsheet would run as a formula gets an apostrophe
    in front. A Shapefile's names are cut to ten bytes; the full names stand in its provenance file.

    Parameters
    ----------
    gdf : GeoDataFrame
        Any declared CRS.
    path : path
        ``.geojson``/``.json``, ``.gpkg``, ``.shp``, ``.csv``, ``.xlsx``, ``.kml``, ``.fgb`` or ``.parquet``.
    provenance : mapping, optional

    Returns
    -------
    list of Path
        The files written, the one asked for first.

    Raises
    ------
    InvalidInput
        Unknown extension, or features that the format cannot hold.
    SourceUnavailable
        The file cannot be written; what was there is as it was.
    """
    path = Path(path)
    writer = WRITABLE.get(path.suffix.lower())
    if writer is None:
        raise InvalidInput(f"{path.name}: unknown extension {path.suffix!r}; writable are {', '.join(WRITABLE)}")
    frame = normalise(gdf)
    return _written(path, lambda part: writer(frame, part, provenance))


def write_table(table: pd.DataFrame, path: str | Path) -> list[Path]:
    """Write a table without geometry, such as rejected rows, as ``.csv`` (UTF-8) or ``.xlsx``.

    Text that a spreadsheet would run as a formula gets an apostrophe in front.

    Raises
    ------
    InvalidInput, SourceUnavailable
        Another extension; the file cannot be written, and what was there is as it was.
    """
    path = Path(path)
    save = {".csv": _save_csv, ".xlsx": _save_xlsx}.get(path.suffix.lower())
    if save is None:
        raise InvalidInput(f"{path.name}: unknown extension {path.suffix!r}; a table is written as .csv or .xlsx")
    plain = _plain(table.reset_index(drop=True))
    rows = [[_cell(value) for value in row] for row in plain.itertuples(index=False, name=None)]
    header = [guarded(str(name)) for name in plain.columns]
    return _written(path, lambda part: save(header, rows, part))


def write_text(text: str, path: str | Path) -> list[Path]:
    """Write a text file (UTF-8), whole or not at all.

    Raises
    ------
    SourceUnavailable
        The file cannot be written; what was there is as it was.
    """
    return _written(Path(path), lambda part: _save_text(part, text))


def _save_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _written(path: Path, write: Callable[[Path], None]) -> list[Path]:
    folder = path.parent / f".writing-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        folder.mkdir()
        write(folder / path.name)
        return _publish(folder, path)
    except (OSError, pyogrio.errors.DataSourceError) as error:
        raise SourceUnavailable(f"cannot write {path}: {' '.join(str(error).split())}; nothing was changed") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _publish(folder: Path, path: Path) -> list[Path]:
    """Move what was written into place, the file asked for last, so that it never stands without its parts."""
    made = sorted(folder.iterdir(), key=lambda part: (part.name == path.name, part.name))
    for part in made:
        with part.open("rb+") as stream:
            os.fsync(stream.fileno())
    for part in made:
        os.replace(part, path.parent / part.name)
    return [path.parent / part.name for part in reversed(made)]


def _sidecar(path: Path, provenance: Provenance | None, extra: Provenance | None = None) -> None:
    content = {**(provenance or {}), **(extra or {})}
    if content:
        text = json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True, default=str)
        path.with_name(f"{path.name}.provenance.json").write_text(text + "\n", encoding="utf-8")


def _geojson(frame: gpd.GeoDataFrame, path: Path, provenance: Provenance | None) -> None:
    shapes = shapely.to_geojson(shapely.orient_polygons(shapely.force_2d(frame.geometry.to_numpy())))
    rows = _plain(frame).to_dict(orient="records")
    head = '{"type": "FeatureCollection"'
    if provenance:
        head += f', "provenance": {json.dumps(dict(provenance), ensure_ascii=False, sort_keys=True, default=str)}'
    lines = [
        f'{{"type": "Feature", "properties": {json.dumps(row, ensure_ascii=False)}, "geometry": {shape or "null"}}}'
        for row, shape in zip(rows, shapes, strict=True)
    ]
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(head + ', "features": [\n' + ",\n".join(lines) + "\n]}\n")


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the attributes as Python objects: None for gaps and infinities, ISO text for times."""
    types = kinds(frame)
    return pd.DataFrame(
        {name: pd.Series(_values(frame[name], kind), dtype=object) for name, kind in types.items()},
        index=range(len(frame)),
    )


def _values(column: pd.Series, kind: str) -> list[object]:
    if kind == "time":
        text = (
            column.dt.strftime("%Y-%m-%dT%H:%M:%S.%f").str.replace(r"\.?0*$", "", regex=True) if len(column) else column
        )
        return [None if gap else f"{value}Z" for value, gap in zip(text, column.isna(), strict=True)]
    missing = ~np.isfinite(column) if kind == "float" else column.isna()
    return [None if gap else value for value, gap in zip(column.tolist(), missing, strict=True)]


def _flat(frame: gpd.GeoDataFrame) -> tuple[list[str], list[list[object]]]:
    """Return header and rows of a sheet: points as lon and lat, anything else as WKT."""
    table = _plain(frame)
    shapes = frame.geometry
    if (shapes.geom_type.dropna() == "Point").all():
        filled = ~(shapes.isna() | shapes.is_empty)
        places = {"lon": shapes.x.where(filled), "lat": shapes.y.where(filled)}
        table = table.drop(columns=[name for name in table if str(name).lower() in places])
        for name, values in places.items():
            table[name] = pd.Series(_values(values, "float"), dtype=object)
    else:
        table = table.drop(columns=[name for name in table if str(name).lower() == "wkt"])
        table["wkt"] = pd.Series(shapely.to_wkt(shapes.to_numpy(), rounding_precision=-1), dtype=object)
    rows = [[_cell(value) for value in row] for row in table.itertuples(index=False, name=None)]
    return [guarded(str(name)) for name in table.columns], rows


def _cell(value: object) -> object:
    return guarded(value) if isinstance(value, str) else value


def _csv(frame: gpd.GeoDataFrame, path: Path, provenance: Provenance | None) -> None:
    _save_csv(*_flat(frame), path)
    _sidecar(path, provenance)


def _xlsx(frame: gpd.GeoDataFrame, path: Path, provenance: Provenance | None) -> None:
    _save_xlsx(*_flat(frame), path)
    _sidecar(path, provenance)


def _save_csv(header: list[str], rows: list[list[object]], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([[str(v).lower() if isinstance(v, bool) else v for v in row] for row in rows])


def _save_xlsx(header: list[str], rows: list[list[object]], path: Path) -> None:
    importlib.import_module("layers.excel_sheet").save_sheet(header, rows, path)


def _ogr(driver: str, **options: str) -> Callable[[gpd.GeoDataFrame, Path, Provenance | None], None]:
    def write(frame: gpd.GeoDataFrame, path: Path, provenance: Provenance | None) -> None:
        pyogrio.write_dataframe(frame, path, driver=driver, layer=path.stem, layer_options=options)
        _sidecar(path, provenance)

    return write


def _kml(frame: gpd.GeoDataFrame, path: Path, provenance: Provenance | None) -> None:
    table = _plain(frame).map(lambda value: value, na_action="ignore")
    text = gpd.GeoDataFrame(table.astype("str").where(table.notna(), None), geometry=frame.geometry, crs=frame.crs)
    named = next((name for name in ("name", "id", "zone_id", "station_id") if name in text), None)
    if named is not None:
        text.insert(0, "Name", text.pop(named))
    pyogrio.write_dataframe(text, path, driver="KML", layer=path.stem, dataset_options={"NameField": "Name"})
    _sidecar(path, provenance)


def _shapefile(frame: gpd.GeoDataFrame, path: Path, provenance: Provenance | None) -> None:
    types = set(frame.geometry.geom_type.dropna())
    if len({name.removeprefix("Multi") for name in types}) > 1:
        raise InvalidInput(f"{path.name}: a Shapefile holds one geometry type, here are {sorted(types)}; write .gpkg")
    names = _short_names([name for name in frame.columns if name != "geometry"])
    table = _plain(frame)
    columns = {names[name]: frame[name] for name, kind in kinds(frame).items() if kind in ("int", "float")}
    columns |= {names[name]: table[name] for name, kind in kinds(frame).items() if kind in ("str", "time")}
    columns |= {names[name]: frame[name].astype("Int16") for name, kind in kinds(frame).items() if kind == "bool"}
    cut = gpd.GeoDataFrame({names[name]: columns[names[name]] for name in names}, geometry=frame.geometry)
    _refuse_long_text(cut, path.name)
    pyogrio.write_dataframe(cut, path, driver="ESRI Shapefile", encoding="UTF-8")
    _sidecar(path, provenance, {"fields": {short: name for name, short in names.items()}})


def _refuse_long_text(frame: gpd.GeoDataFrame, file: str) -> None:
    for name in frame.columns.drop("geometry"):
        texts = frame[name] if frame[name].dtype == object or pd.api.types.is_string_dtype(frame[name].dtype) else []
        if any(isinstance(text, str) and len(text.encode()) > 254 for text in texts):
            raise InvalidInput(f"{file}: text in {name!r} is longer than a Shapefile's 254 bytes; write .gpkg")


def _short_names(names: list[str]) -> dict[str, str]:
    """Cut names to the ten bytes of a Shapefile, each different from the others."""
    short: dict[str, str] = {}
    for name in names:
        cut, number = _bytes(name, 10), 1
        while cut.casefold() in {used.casefold() for used in short.values()}:
            cut, number = f"{_bytes(name, 8)}_{number}", number + 1
        short[name] = cut
    return short


def _bytes(text: str, length: int) -> str:
    return text.encode()[:length].decode(errors="ignore")


def _parquet(frame: gpd.GeoDataFrame, path: Path, provenance: Provenance | None) -> None:
    frame.to_parquet(path, index=False)
    _sidecar(path, provenance)


WRITABLE: dict[str, Callable[[gpd.GeoDataFrame, Path, Provenance | None], None]] = {
    ".geojson": _geojson,
    ".json": _geojson,
    ".gpkg": _ogr("GPKG", FID="suyuan_fid", SPATIAL_INDEX="YES"),
    ".shp": _shapefile,
    ".csv": _csv,
    ".xlsx": _xlsx,
    ".kml": _kml,
    # A FlatGeobuf with an index has its features in the index's order.
    ".fgb": _ogr("FlatGeobuf", SPATIAL_INDEX="NO"),
    ".parquet": _parquet,
}
