"""Features in other forms than GeoJSON: CSV, FlatGeobuf, and a page for people."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import geopandas as gpd
import pyogrio

from api.routes.geojson import json_values
from api.routes.query import ItemsQuery
from api.routes.services import Services
from geo.errors import InvalidInput
from layers.catalogue import SCHEMAS
from layers.store import LayerRecord
from layers.writers import write_vector

MEDIA = (("html", "text/html"), ("csv", "text/csv"), ("fgb", "application/flatgeobuf"))
_LONGEST_CELL = 120
_MOST_ROWS = 1000


def document(frame: gpd.GeoDataFrame, ids: Sequence[int], record: LayerRecord, query: ItemsQuery) -> tuple[bytes, str]:
    """Return a page of features as CSV or FlatGeobuf, and the media type.

    Raises
    ------
    InvalidInput
        A CSV in another system than CRS84: its columns are called lon and lat.
    """
    if query.reference.code and query.format == "csv":
        raise InvalidInput(f"crs={query.reference.uri}: CSV has the columns lon and lat; use GeoJSON or FlatGeobuf")
    table = frame.reset_index(drop=True)
    if "feature_id" not in table.columns:
        table.insert(0, "feature_id", list(ids))
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{record.id}.{query.format}"
        if query.format == "csv":
            write_vector(table, path, record.provenance)
            return path.read_bytes(), "text/csv; charset=utf-8"
        projected = table.to_crs(query.reference.code) if query.reference.code else table
        # An index would sort the features; a page keeps the order that was asked for.
        pyogrio.write_dataframe(projected, path, driver="FlatGeobuf", SPATIAL_INDEX="NO")
        return path.read_bytes(), "application/flatgeobuf"


def features_page(
    services: Services,
    record: LayerRecord,
    frame: gpd.GeoDataFrame,
    ids: Sequence[int],
    links: Mapping[str, str],
    matched: int,
) -> str:
    """Return features as a table for people; what is in them is text, whatever it looks like."""
    names = [name for name in frame.columns if name != frame.active_geometry_name]
    shown = frame.iloc[:_MOST_ROWS]
    columns = [json_values(shown[name]) for name in names]
    schema = SCHEMAS.get(record.schema)
    titles = {field.name: (field.title_zh, field.title_en) for field in schema.fields} if schema else {}
    rows = zip(list(ids)[:_MOST_ROWS], *columns, strict=True)
    return services.templates.get_template("items.html").render(
        record=record,
        heads=[(name, *titles.get(str(name), ("", ""))) for name in names],
        rows=[[_cell(value) for value in row] for row in rows],
        links=links,
        matched=matched,
    )


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]}…"
