"""任意范围: who and what is inside any drawn or uploaded polygon, by area, never by centroid."""

import json
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import geopandas as gpd
import numpy as np
import shapely
from pydantic import Field
from shapely.geometry.base import BaseGeometry

from api.processes.base import Cli, Inputs, Outcome, Process, ResultLayer
from api.processes.context import Context
from api.processes.hand_over import check_lists, write_layers, write_lists
from api.processes.incident_zones import frame_of
from api.processes.zone_contents import Contents, Ledgers, contents_of, ledgers, told
from api.processes.zone_inputs import Inventory, ListsOutput, Population, people_around
from geo.errors import InvalidInput
from geo.geodesic import area_m2
from geo.overlay import Density, people_inside
from web_map.report import ReportLayer

_NAMES = ("name", "名称", "zone_id", "id", "level_zh")
_POLYGONS = ["Polygon", "MultiPolygon"]


class AreaInputs(Inputs):
    """Which polygons, and what is looked for inside."""

    polygon: Annotated[str, Cli(positional=True, metavar="POLYGON")] = Field(
        description="polygons: a file of any vector kind, the id of a layer, or GeoJSON or WKT as text (degrees)",
        examples=["drawn.geojson", "POLYGON((119 34.5, 119.2 34.5, 119.2 34.7, 119 34.5))"],
    )
    name: Annotated[str | None, Cli(metavar="COLUMN")] = Field(
        None, description="column that names the polygons; by default name, id or the like, else their number"
    )
    population: Population = None
    inventory: Inventory = ()
    everything: bool = Field(
        False, exclude=True, description="districts and objects in a .kml or .gpkg too; .kmz always"
    )
    lists_output: ListsOutput = None


def run(inputs: AreaInputs, context: Context) -> Outcome:
    """See for each polygon which divisions, people and objects are in it."""
    check_lists(inputs.lists_output)
    polygons, notes = _polygons(inputs, context)
    density, told_of_people = people_around(inputs.population, context, tuple(polygons.total_bounds))
    notes += told_of_people
    if density is None and inputs.population is None and context.workspace.exists():
        notes.append(
            "没有人口格网，不计人数：请将 population.tif 或 population.nc 放入工作区的 files 文件夹 / no grid of "
            "people, so none are counted: put population.tif or population.nc into the folder files of the workspace"
        )
    known = ledgers(context, inputs.inventory, density)
    # A layer is not looked for in itself.
    known = Ledgers(
        {name: frame for name, frame in known.divisions.items() if name != inputs.polygon},
        {name: frame for name, frame in known.objects.items() if name != inputs.polygon},
        density,
    )
    if not known.divisions and not known.objects and density is None:
        notes.append(
            "没有工作区图层和人口格网，只给出面积 / "
            "no layers of a workspace and no grid of people: only the area is told"
        )
    names = _names(polygons, inputs)
    found: list[Contents] = []
    for number, shape in enumerate(polygons.geometry, start=1):
        found.append(contents_of(shape, known, None))
        context.progress(number, len(polygons), "范围 areas")
    layers = _layers(polygons, names, found, density)
    notes += _uncovered(layers["zone_areas"].frame)
    summary = _summary(layers["zone_areas"].frame, found)
    side_files = {}
    if inputs.lists_output is not None:
        side_files[Path(inputs.lists_output)] = partial(write_lists, list(layers.values()), [*summary, *notes])
    return Outcome(
        layers=layers,
        summary_zh=summary[0],
        summary_en=summary[1],
        warnings=tuple(notes),
        write=partial(write_layers, layers, summary, everything=inputs.everything),
        page=[ReportLayer(one.frame, one.schema, listed=True) for one in layers.values() if len(one.frame)],
        side_files=side_files,
    )


def _polygons(inputs: AreaInputs, context: Context) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Return the polygons, mended where their rings cross, and what must be said."""
    frame = _drawn(inputs.polygon)
    frame = context.vector(inputs.polygon) if frame is None else frame
    kept = frame[frame.geometry.geom_type.isin(_POLYGONS) & ~frame.geometry.is_empty].reset_index(drop=True)
    if kept.empty:
        raise InvalidInput(f"{inputs.polygon}: it holds no polygon; draw one, or give a file with polygons")
    notes = []
    left = len(frame) - len(kept)
    if left:
        notes.append(f"{left} 个要素不是面，未计 / {left} features are no polygons and are left out")
    wrong = ~kept.geometry.is_valid
    if wrong.any():
        count = int(wrong.sum())
        notes.append(f"{count} 个面自相交，已修复 / {count} polygons cross themselves and were mended")
        kept.geometry = shapely.make_valid(kept.geometry.to_numpy())
    return kept, notes


def _drawn(text: str) -> gpd.GeoDataFrame | None:
    """Return what a text draws, GeoJSON or WKT in degrees; None where it names a file or a layer.

    Raises
    ------
    InvalidInput
        The text begins as a drawing and is none.
    """
    start = text.lstrip()
    if not start.startswith("{") and not start.upper().startswith(("POLYGON", "MULTIPOLYGON", "GEOMETRYCOLLECTION")):
        return None
    try:
        frame = _from_geojson(json.loads(start)) if start.startswith("{") else _one(shapely.from_wkt(start))
    except (ValueError, KeyError, TypeError, AttributeError, shapely.errors.GEOSException) as error:
        said = " ".join(str(error).split())[:120]
        raise InvalidInput(f"the drawn polygon cannot be read: {said}; give GeoJSON or WKT in degrees") from error
    west, south, east, north = frame.total_bounds
    if west < -180.0 or east > 180.0 or south < -90.0 or north > 90.0:
        raise InvalidInput(
            "the drawn polygon lies beyond 180 or 90 degrees: give longitude before latitude, in degrees"
        )
    return frame


def _from_geojson(content: dict[str, Any]) -> gpd.GeoDataFrame:
    if content.get("type") == "FeatureCollection":
        return gpd.GeoDataFrame.from_features(content["features"], crs=4326)
    if content.get("type") == "Feature":
        return gpd.GeoDataFrame.from_features([content], crs=4326)
    return _one(shapely.from_geojson(json.dumps(content)))


def _one(shape: BaseGeometry) -> gpd.GeoDataFrame:
    shapes = list(shapely.get_parts(shape)) if shape.geom_type == "GeometryCollection" else [shape]
    return gpd.GeoDataFrame(geometry=shapes, crs=4326)


def _names(polygons: gpd.GeoDataFrame, inputs: AreaInputs) -> list[str]:
    if inputs.name is not None and inputs.name not in polygons:
        there = ", ".join(str(name) for name in polygons.columns if name != "geometry")
        raise InvalidInput(f"--name {inputs.name}: no such column; there are {there or 'none'}")
    column = inputs.name or next((name for name in _NAMES if name in polygons), None)
    numbers = [str(number) for number in range(1, len(polygons) + 1)]
    if column is None:
        return numbers
    given = polygons[column]
    return [number if gap else str(value) for value, gap, number in zip(given, given.isna(), numbers, strict=True)]


def _layers(
    polygons: gpd.GeoDataFrame, names: list[str], found: list[Contents], density: Density | None
) -> dict[str, ResultLayer]:
    areas: list[dict[str, Any]] = []
    for name, shape, inside in zip(names, polygons.geometry, found, strict=True):
        covered = np.nan if density is None else 100.0 * people_inside(shape, density).covered
        figures = {"name": name, "area_km2": float(area_m2(shape)) / 1e6, "people_covered_pct": covered}
        areas.append(figures | inside.summary())
    divisions = [{"area": name} | row for name, one in zip(names, found, strict=True) for row in one.divisions]
    objects = [{"area": name} | row for name, one in zip(names, found, strict=True) for row in one.objects]
    return {
        "zone_areas": ResultLayer(frame_of("zone_areas", areas, list(polygons.geometry)), "zone_areas"),
        "area_districts": ResultLayer(
            frame_of("area_districts", divisions, [shape for one in found for shape in one.division_shapes]),
            "area_districts",
        ),
        "area_objects": ResultLayer(
            frame_of("area_objects", objects, [shape for one in found for shape in one.object_shapes]), "area_objects"
        ),
    }


def _uncovered(areas: gpd.GeoDataFrame) -> list[str]:
    short = areas[areas["people_covered_pct"] < 99.0]
    if short.empty:
        return []
    least = float(short["people_covered_pct"].min())
    return [
        f"{len(short)} 个范围有部分没有人口数据（最少覆盖 {least:.0f}%），人口偏低 / "
        "the grid of people knows only part of "
        f"{len(short)} areas (at least {least:.0f} %): the people are too few"
    ]


def _summary(areas: gpd.GeoDataFrame, found: list[Contents]) -> tuple[str, str]:
    size = float(areas["area_km2"].sum())
    if len(found) == 1:
        zh, en = told(found[0])
        return (
            f"{areas['name'].iloc[0]}：{size:.4g} km²{'，' if zh else ''}{zh}",
            f"{areas['name'].iloc[0]}: {size:.4g} km2{', ' if en else ''}{en}",
        )
    objects = sum(len(one.objects) for one in found)
    return (
        f"{len(found)} 个范围，共 {size:.4g} km²，对象 {objects} 处（重叠处重复计）",
        f"{len(found)} areas of {size:.4g} km2 in all, {objects} objects (what lies in two counts twice)",
    )


PROCESS = Process(
    id="zone-area",
    command=("zone", "area"),
    title_zh="任意范围内的人口与对象",
    title_en="What any area holds",
    description_zh="任意绘制或上传的面：涉及的区县乡镇及占比、人口（低、最佳、高）、台账对象与联系信息；按面积，不按中心点。",
    description_en="Any drawn or uploaded polygon: districts with their shares, people (low, best, high), objects "
    "with contacts; by area, never by centroid.",
    example="suyuan zone area drawn.geojson --population people.tif --output inside.kmz",
    inputs=AreaInputs,
    run=run,
    output_formats=(".geojson", ".gpkg", ".kml", ".kmz", ".shp", ".csv", ".xlsx", ".fgb", ".parquet", ".pdf"),
    result_layers=("zone_areas", "area_districts", "area_objects"),
)
