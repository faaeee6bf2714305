"""污染分级范围: a surface from station values, its classes over the districts, who lives above each level."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely.geometry.base import BaseGeometry

from api.processes.base import Outcome, Process, ResultLayer
from api.processes.context import Context
from api.processes.hand_over import check_lists, write_layers, write_lists
from api.processes.pollution_inputs import PollutionInputs
from api.processes.pollution_layers import (
    ClassPart,
    LevelPart,
    above_frame,
    class_parts,
    districts_frame,
    level_parts,
    stations_frame,
    zones_frame,
)
from api.processes.pollution_receptors import read_places, with_values
from api.processes.pollution_values import Values, area_of, levels_of, values_of
from api.processes.zone_contents import DIVISIONS, Ledgers
from geo.drift import distance_drift, grid_drift
from geo.errors import InvalidInput
from geo.grid_over import grid_over
from geo.interpolation import Drift, Options, Surface, interpolate
from geo.overlay import read_density
from geo.sites import Sites, clean
from geo.surface_files import check_surface_path, write_surface
from geo.variogram_kernel import Variogram
from layers.pollution_levels import Levels
from layers.times import CITY_ZONE
from layers.writers import write_table, write_text
from web_map.report import ReportLayer
from web_map.variogram_figure import variogram_svg, variogram_text

_GRIDS = (".tif", ".tiff", ".nc", ".nc4")
_SUPPORT = ("辅助决策，不能代替决策", "supports a decision, does not replace it")


def run(inputs: PollutionInputs, context: Context) -> Outcome:
    """Interpolate, draw the classes and the levels, and see which districts and how many people are in them."""
    _check_outputs(inputs)
    values = values_of(inputs, context)
    levels = levels_of(inputs, values)
    area, polygons = area_of(inputs, context)
    places = values.frame.geometry
    sites, notes = clean(
        places.x.to_numpy(float), places.y.to_numpy(float), values.values, area, margin_km=inputs.margin_km
    )
    grid = grid_over(area, inputs.cell_m)
    context.progress(0, 3, "插值 surface")
    options = _options(inputs, context, area, sites)
    surface = context.compute(interpolate, sites, grid, options)
    notes += [*surface.notes, *_unsure(surface)]
    known = _known(inputs, context, area, polygons)
    context.progress(1, 3, "分级 classes")
    parts = class_parts(surface, levels, area, known)
    context.progress(2, 3, "概率 chances")
    passed = level_parts(surface, levels, area, known)
    context.progress(3, 3, "概率 chances")
    said = _assumptions(inputs, surface, values, levels)
    layers = {
        "pollution_zones": ResultLayer(zones_frame(parts, values, levels, said), "pollution_zones"),
        "pollution_above": ResultLayer(above_frame(passed, levels, area), "pollution_above"),
        "pollution_districts": ResultLayer(districts_frame(parts, levels), "pollution_districts"),
        "pollution_stations": ResultLayer(stations_frame(surface, values), "pollution_stations"),
    }
    summary = _summary(values, levels, surface, parts, passed)
    facts = _facts(surface, values, levels, said)
    return Outcome(
        layers=layers,
        summary_zh=summary[0],
        summary_en=summary[1],
        warnings=(*notes, *(f"{zh} / {en}" for zh, en in facts[1:])),
        write=partial(write_layers, layers, summary, everything=inputs.everything),
        page=_page(layers),
        facts=facts,
        side_files={
            **_side_files(inputs, layers, surface, values, levels, facts),
            **_receptors(inputs, context, sites, options, values, levels),
        },
    )


def _options(inputs: PollutionInputs, context: Context, area: BaseGeometry, sites: Sites) -> Options:
    west, south = np.minimum(area.bounds[:2], [sites.lon.min(), sites.lat.min()])
    east, north = np.maximum(area.bounds[2:], [sites.lon.max(), sites.lat.max()])
    around = (float(west), float(south), float(east), float(north))
    drift = {Path(source).name: _drift(source, context, around) for source in inputs.drift}
    return Options(inputs.method, inputs.model, _own_variogram(inputs), drift, inputs.power, transform=inputs.transform)


def _drift(source: str, context: Context, around: tuple[float, float, float, float]) -> Drift:
    if Path(source).suffix.lower() in _GRIDS:
        return grid_drift(context.file(source), around)
    return distance_drift(context.vector(source).geometry.union_all())


def _own_variogram(inputs: PollutionInputs) -> Variogram | None:
    given = (inputs.nugget, inputs.sill, inputs.range_km)
    if all(one is None for one in given):
        return None
    if inputs.nugget is None or inputs.sill is None or inputs.range_km is None:
        raise InvalidInput("a variogram of your own needs --nugget, --sill and --range-km: give all three, or none")
    model = "exponential" if inputs.model == "auto" else inputs.model
    return Variogram(model, inputs.nugget, inputs.sill - inputs.nugget, 1000.0 * inputs.range_km)


def _known(inputs: PollutionInputs, context: Context, area: BaseGeometry, polygons: gpd.GeoDataFrame) -> Ledgers:
    """Return the divisions of the workspace, or the area's own polygons where it has names, and the grid of people."""
    divisions = {name: context.vector(name) for name in DIVISIONS if context.has_layer(name)}
    if DIVISIONS[0] not in divisions and "name" in polygons:
        divisions[DIVISIONS[0]] = polygons
    density = None if inputs.population is None else read_density(context.file(inputs.population), area.bounds)
    return Ledgers(divisions, {}, density)


def _unsure(surface: Surface) -> list[str]:
    """Return what to say where the stations are fewer or the errors other than the method supposes."""
    notes = []
    size = surface.check.standardised[1]
    if size > 1.5 or size < 0.67:
        wide = ("偏小", "too small") if size > 1.0 else ("偏大", "too large")
        notes.append(
            f"留一标准化误差的均方根为 {size:.2f}，插值标准差{wide[0]}，概率仅供参考 / the root mean square of the "
            f"standardised leave-one-out errors is {size:.2f}: the standard deviations are {wide[1]}, take the "
            "probabilities with care"
        )
    if surface.sd is None:
        notes.append(
            "反距离加权不给出不确定性，无超级别概率 / "
            "inverse distance gives no uncertainty: no probabilities of being above"
        )
    return notes


def _told_time(values: Values) -> str:
    if values.time is None:
        return ""
    written = "%Y-%m-%d" if values.averaging == "24h" else "%Y-%m-%d %H:%M"
    return f"{values.time.tz_convert(CITY_ZONE).strftime(written)} "


def _method(surface: Surface, power: float) -> tuple[str, str]:
    if surface.method == "idw":
        return f"反距离加权（幂 {power:g}）", f"inverse distance, power {power:g}"
    if surface.method == "kriging":
        if surface.logs is not None:
            return "对数普通克里金", "ordinary kriging of logarithms"
        return "普通克里金", "ordinary kriging"
    slopes = "、".join(f"{name}: {slope:.3g}" for name, slope in surface.coefficients.items())
    return f"带外部漂移的克里金（{slopes}）", f"kriging with external drift ({slopes} per unit)"


def _assumptions(inputs: PollutionInputs, surface: Surface, values: Values, levels: Levels) -> tuple[str, str]:
    zh, en = _method(surface, inputs.power)
    count = len(surface.sites.values)
    return (
        f"{zh}，{count} 个站点，网格 {inputs.cell_m:g} m；{levels.source[0]}（{values.averaging}）；{_SUPPORT[0]}",
        f"{en}, {count} stations, cells of {inputs.cell_m:g} m; {levels.source[1]} ({values.averaging}); {_SUPPORT[1]}",
    )


def _facts(surface: Surface, values: Values, levels: Levels, said: tuple[str, str]) -> list[tuple[str, str]]:
    """Return the lines under the page's summary: method, variogram, errors."""
    time = _told_time(values)
    what = f"{values.column} {time}".strip()
    lines = [(f"{what}；{said[0]}", f"{what}; {said[1]}")]
    if surface.variogram is not None:
        zh, en = variogram_text(surface.variogram, "" if surface.logs is not None else levels.unit)
        lines.append((f"变差函数：{zh}", f"variogram: {en}"))
    check = surface.check
    errors = f"ME {check.mean_error:.3g}, RMSE {check.rmse:.3g} {levels.unit}".strip()
    if surface.sd is not None:
        mean, size = check.standardised
        errors += f"; standardised mean {mean:.2f}, RMS {size:.2f}"
    lines.append((f"留一检验：{errors}", f"leave-one-out: {errors}"))
    return lines


def _summary(
    values: Values, levels: Levels, surface: Surface, parts: list[ClassPart], passed: list[LevelPart]
) -> tuple[str, str]:
    worst = parts[-1].number
    inside = surface.value[surface.grid.wanted]
    span = f"{inside.min():.4g}–{inside.max():.4g} {levels.unit}".strip()
    zh, en = f"{values.column} {_told_time(values)}{span}", f"{values.column} {_told_time(values)}{span}"
    if worst == 0:
        return f"{zh}：未超过任何级别（{_SUPPORT[0]}）", f"{en}: above no level ({_SUPPORT[1]})"
    title_zh, title_en = levels.title(worst - 1)
    top = next((p for p in passed if p.number == worst - 1 and p.band in ("p50", "surface")), None)
    zh, en = f"{zh}；{title_zh}", f"{en}; {title_en}"
    if top is not None and top.people:
        low, best, high = (top.people[f"people_{word}"] for word in ("low", "best", "high"))
        zh, en = (
            f"{zh} 约 {best:.0f} 人（{low:.0f}–{high:.0f}）",
            f"{en}: about {best:.0f} people ({low:.0f} to {high:.0f})",
        )
    names = parts[-1].inside.summary()["districts"]
    if names:
        zh, en = f"{zh}，涉及 {names}", f"{en}, in {names}"
    return f"{zh}（{_SUPPORT[0]}）", f"{en} ({_SUPPORT[1]})"


def _page(layers: dict[str, ResultLayer]) -> list[ReportLayer]:
    order = ("pollution_zones", "pollution_above", "pollution_districts", "pollution_stations")
    districts = layers["pollution_districts"].frame.sort_values(["class_no", "share_pct"], ascending=False)
    return [
        ReportLayer(layers["pollution_zones"].frame, order[0]),
        ReportLayer(_middle(layers["pollution_above"].frame), order[1], listed=True),
        ReportLayer(districts[districts["layer"] == DIVISIONS[0]], order[2], listed=True),
        ReportLayer(layers["pollution_stations"].frame, order[3]),
    ]


def _middle(above: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return above[above["band"].isin(["p50", "surface"])]


def _check_outputs(inputs: PollutionInputs) -> None:
    check_lists(inputs.lists_output)
    if inputs.surface_output is not None:
        check_surface_path(Path(inputs.surface_output), "--surface-output")
    if (inputs.receptors is None) != (inputs.receptors_output is None):
        raise InvalidInput("--receptors and --receptors-output belong together: give both")
    if inputs.receptors_output is not None:
        _check_path(Path(inputs.receptors_output), "--receptors-output", (".csv", ".xlsx"))
    if inputs.variogram_output is not None:
        _check_path(Path(inputs.variogram_output), "--variogram-output", (".svg", ".csv"))


def _check_path(path: Path, option: str, suffixes: tuple[str, str]) -> None:
    if path.suffix.lower() not in suffixes:
        raise InvalidInput(f"{option} {path}: write a {suffixes[0]} or {suffixes[1]} file")
    if not path.absolute().parent.is_dir():
        raise InvalidInput(f"{option} {path}: the folder {path.parent} is not there; create it first")


def _side_files(
    inputs: PollutionInputs,
    layers: dict[str, ResultLayer],
    surface: Surface,
    values: Values,
    levels: Levels,
    facts: list[tuple[str, str]],
) -> dict[Path, Callable[[Path], None]]:
    files: dict[Path, Callable[[Path], None]] = {}
    if inputs.lists_output is not None:
        notes = [text for pair in facts for text in pair]
        files[Path(inputs.lists_output)] = partial(write_lists, list(layers.values()), notes)
    if inputs.surface_output is not None:
        files[Path(inputs.surface_output)] = partial(write_surface, surface, levels.values, values.column, levels.unit)
    if inputs.variogram_output is not None:
        if surface.variogram is None or surface.lags is None:
            raise InvalidInput("--variogram-output: inverse distance has no variogram; use --method kriging")
        files[Path(inputs.variogram_output)] = partial(_write_variogram, surface, levels.unit)
    return files


def _receptors(
    inputs: PollutionInputs, context: Context, sites: Sites, options: Options, values: Values, levels: Levels
) -> dict[Path, Callable[[Path], None]]:
    if inputs.receptors is None or inputs.receptors_output is None:
        return {}
    table, places = read_places(context.file(inputs.receptors))
    there = with_values(table, interpolate(sites, places, options), values.column, levels.values)
    return {Path(inputs.receptors_output): partial(_write_table, there)}


def _write_table(table: pd.DataFrame, path: Path) -> None:
    write_table(table, path)


def _write_variogram(surface: Surface, unit: str, path: Path) -> None:
    lags, variogram = surface.lags, surface.variogram
    if lags is None or variogram is None:
        return
    if path.suffix.lower() == ".svg":
        write_text(variogram_svg(lags, variogram, unit), path)
        return
    table = pd.DataFrame(lags._asdict())
    table["model"] = variogram.at(lags.distance_m)
    for name in ("model", "nugget", "sill", "range_m"):
        table[f"fitted_{name}"] = getattr(variogram, name)
    write_table(table, path)


PROCESS = Process(
    id="zone-pollution",
    command=("zone", "pollution"),
    title_zh="污染分级范围",
    title_en="Heavy-pollution zones",
    description_zh="由站点观测或预报值插值（反距离、普通克里金、带地形或海岸漂移的克里金），按空气质量级别划分范围，"
    "给出超级别概率、留一误差、各区县乡镇占比与受影响人口。",
    description_en="A surface from station values (inverse distance, ordinary kriging, kriging with drift): classes of "
    "air quality, probability of being above each, leave-one-out errors, districts and people.",
    example="suyuan zone pollution --stations values.csv --value pm25 --area districts.geojson --output zones.kml",
    inputs=PollutionInputs,
    run=run,
    output_formats=(".geojson", ".gpkg", ".kml", ".kmz", ".shp", ".csv", ".xlsx", ".fgb", ".parquet", ".pdf"),
    result_layers=("pollution_zones", "pollution_above", "pollution_districts", "pollution_stations"),
)
