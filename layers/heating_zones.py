"""Heating zones around combined heat and power (CHP) plants, and what they mean for each boiler.

The plan of 2021: within 30 km of plants with units of 300 MW (30 万千瓦) or more, and within 15 km of the others, coal
boilers are closed or integrated into the heating network. Distances and areas are geodesic on WGS 84.
"""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.geodesic import area_m2, circle, distance_matrix_m
from layers.heating_inputs import HeatingPlant, boiler_places, heating_plants

RADIUS_KM = {"chp_300mw_30km": 30.0, "other_15km": 15.0}
# A boiler exactly on the circle is inside; a millimetre absorbs the rounding of stored coordinates.
BOUNDARY_TOLERANCE_M = 1e-3
# Farther apart than any works: one name for two plants, or a wrong position.
SAME_SITE_M = 5000.0

ZONE_COLUMNS = (
    "zone_id",
    "kind",
    "plant",
    "rule",
    "radius_km",
    "decided_by",
    "capacity_mw",
    "area_km2",
    "n_coal_boilers",
    "note",
    "note_zh",
    "note_en",
)
BOILER_COLUMNS = (
    "name",
    "fuel",
    "capacity_tph",
    "status",
    "inside",
    "plant",
    "rule",
    "distance_km",
    "n_zones",
    "action",
    "reason",
    "reason_zh",
    "reason_en",
)
_TOTAL_ZH = "仅有全厂容量 {:g} MW，按全厂容量判定"
_TOTAL_EN = "only the plant's total of {:g} MW is known: the total decides"


@dataclass(frozen=True)
class HeatingZones:
    """The zones, the judgement on every boiler, and what the reader must know.

    Attributes
    ----------
    zones : GeoDataFrame, EPSG:4326, columns `ZONE_COLUMNS`
        First one polygon per plant (`kind` "plant"), by name; then per rule the union of its plants' zones (`kind`
        "dissolved"; plant, decided_by and capacity_mw are null). `capacity_mw` is the plant's largest operating
        unit, or its total where `decided_by` is "plant_total". `area_km2` is geodesic. `n_coal_boilers` counts the
        coal boilers inside that are not closed, null where no boilers were given.
    boilers : GeoDataFrame, EPSG:4326, columns `BOILER_COLUMNS`
        Every boiler that was given, in its order; `id`, `district` and `synthetic` are kept where they were there.
    warnings : list of str, each in Chinese and English
    """

    zones: gpd.GeoDataFrame
    boilers: gpd.GeoDataFrame
    warnings: list[str]


def heating_zones(chp: gpd.GeoDataFrame, boilers: gpd.GeoDataFrame | None) -> HeatingZones:
    """Draw the heating zones and judge every boiler.

    Units are grouped by `plant`; where that is empty, the unit's own name is the plant. A plant with an operating
    unit of 300 MW or more has the rule "chp_300mw_30km" (30 km), any other "other_15km" (15 km). Where only a plant's
    total is known (`capacity_of` = "plant"), the total decides and the zone says so; where units are known too, they
    decide. Planned and retired units make no zone. A plant with units at several places has the union of the circles
    around them, and its distance is that to the nearest place. Plants outside the city count like any other.

    A boiler is inside when its geodesic distance is at most the radius (to 1 mm), whatever the drawn polygon says. Its
    plant is the nearest of those whose zone holds it; outside all zones, the nearest of all. Coal boilers inside that
    are not closed are to be closed or integrated.

    Parameters
    ----------
    chp : GeoDataFrame
        Columns `capacity_mw` (MW) and at least one of `plant`, `name`; `capacity_of` (unit or plant; missing: unit)
        and `status` (operating, planned, retired; missing: operating, with a warning) as the layer chp_units has them.
    boilers : GeoDataFrame or None
        Column `fuel`; `name`, `capacity_tph` (t/h) and `status` (missing: in use) where known.

    Returns
    -------
    HeatingZones
        Without an operating plant there are no zones, every boiler is outside, `plant` is null and `distance_km` NaN,
        and a warning says so.

    Raises
    ------
    InvalidInput
        A column or a value is missing or impossible; the message names the column and the first row.

    Examples
    --------
    >>> import geopandas as gpd
    >>> chp = gpd.GeoDataFrame(
    ...     {"plant": ["Xinhai"], "capacity_mw": [330.0], "status": ["operating"]},
    ...     geometry=gpd.points_from_xy([119.1275], [34.5782]), crs=4326,
    ... )
    >>> zones = heating_zones(chp, None).zones
    >>> zones["rule"].tolist(), zones["area_km2"].round(-1).tolist()
    (['chp_300mw_30km', 'chp_300mw_30km'], [2830.0, 2830.0])
    """
    plants, warnings = heating_plants(chp)
    warnings += [_far_apart(plant) for plant in plants if _spread_m(plant) > SAME_SITE_M]
    if boilers is None:
        return HeatingZones(_zones(plants, None), _no_boilers(), warnings)
    places, more = boiler_places(boilers)
    nearness = _distances_m(plants, places)
    holds: NDArray[np.bool_] = nearness <= np.array([_radius_m(plant) for plant in plants]) + BOUNDARY_TOLERANCE_M
    judged = _judge(places, plants, nearness, holds)
    coal = (judged["action"] == "close_or_integrate").to_numpy()
    return HeatingZones(_zones(plants, holds & coal[:, None]), judged, warnings + more)


def _radius_m(plant: HeatingPlant) -> float:
    return RADIUS_KM[plant.rule] * 1000.0


def _spread_m(plant: HeatingPlant) -> float:
    return float(distance_matrix_m(plant.lon, plant.lat, plant.lon, plant.lat).max())


def _far_apart(plant: HeatingPlant) -> str:
    km = _spread_m(plant) / 1000.0
    return (
        f"电厂“{plant.name}”的机组相距 {km:.1f} km，按同一电厂处理，请核对名称与位置 / "
        f"the units of plant {plant.name!r} lie {km:.1f} km apart and were taken as one plant: check name and positions"
    )


def _zones(plants: list[HeatingPlant], coal_inside: NDArray[np.bool_] | None) -> gpd.GeoDataFrame:
    """Return the zones; `coal_inside`, shape (boilers, plants), marks the coal boilers in each plant's zone."""
    shapes = [_around(plant) for plant in plants]
    rows = [_plant_row(plant) for plant in plants]
    counted = [[i] for i in range(len(plants))]
    for rule in RADIUS_KM:
        members = [i for i, plant in enumerate(plants) if plant.rule == rule]
        if members:
            shapes.append(shapely.union_all([shapes[i] for i in members]))
            rows.append({"zone_id": f"dissolved-{rule}", "kind": "dissolved", "rule": rule})
            counted.append(members)
    table = pd.DataFrame(rows, columns=list(ZONE_COLUMNS))
    table["radius_km"] = table["rule"].map(RADIUS_KM).astype("float64")
    table["capacity_mw"] = table["capacity_mw"].astype("float64")
    table["area_km2"] = [area_m2(shape) / 1e6 for shape in shapes]
    counts = [pd.NA if coal_inside is None else int(coal_inside[:, who].any(axis=1).sum()) for who in counted]
    table["n_coal_boilers"] = pd.array(counts, dtype="Int64")
    texts = [name for name in ZONE_COLUMNS if name not in ("radius_km", "capacity_mw", "area_km2", "n_coal_boilers")]
    return gpd.GeoDataFrame(table.astype(dict.fromkeys(texts, "str")), geometry=shapes, crs=4326)


def _around(plant: HeatingPlant) -> shapely.Polygon | shapely.MultiPolygon:
    places = np.unique(np.column_stack([plant.lon, plant.lat]), axis=0)
    return shapely.union_all([circle(lon, lat, _radius_m(plant)) for lon, lat in places])


def _plant_row(plant: HeatingPlant) -> dict[str, object]:
    row: dict[str, object] = {
        "zone_id": f"plant-{plant.name}",
        "kind": "plant",
        "plant": plant.name,
        "rule": plant.rule,
        "decided_by": plant.decided_by,
        "capacity_mw": plant.capacity_mw,
    }
    if plant.decided_by == "plant_total":
        row |= {"note_zh": _TOTAL_ZH.format(plant.capacity_mw), "note_en": _TOTAL_EN.format(plant.capacity_mw)}
        row["note"] = f"{row['note_zh']} / {row['note_en']}"
    return row


def _distances_m(plants: list[HeatingPlant], places: gpd.GeoDataFrame) -> NDArray[np.float64]:
    """Return distances from each boiler to the nearest place of each plant, shape (boilers, plants), metres."""
    lon, lat = places.geometry.x.to_numpy(), places.geometry.y.to_numpy()
    columns = [distance_matrix_m(lon, lat, plant.lon, plant.lat).min(axis=1) for plant in plants]
    return np.column_stack(columns) if columns else np.empty((len(places), 0))


def _judge(
    boilers: gpd.GeoDataFrame, plants: list[HeatingPlant], distance: NDArray[np.float64], holds: NDArray[np.bool_]
) -> gpd.GeoDataFrame:
    out = boilers.copy()
    inside = np.asarray(holds.any(axis=1))
    out["inside"] = inside
    if plants:
        # Outside every zone all plants compete; inside, only those whose zone holds the boiler.
        chosen = np.where(holds | ~inside[:, None], distance, np.inf).argmin(axis=1)
        out["plant"] = np.array([plant.name for plant in plants], dtype=object)[chosen]
        out["rule"] = np.array([plant.rule for plant in plants], dtype=object)[chosen]
        out["distance_km"] = distance[np.arange(len(out)), chosen] / 1000.0
    else:
        out["plant"], out["rule"], out["distance_km"] = None, None, np.nan
    out = out.astype({"plant": "str", "rule": "str"})
    out["n_zones"] = holds.sum(axis=1)
    reasons = [_reason(boiler) for boiler in out[["fuel", "status", *_GROUNDS]].itertuples(index=False)]
    verdict = pd.DataFrame(reasons, columns=["action", "reason_zh", "reason_en"], index=out.index, dtype="str")
    out[["action", "reason_zh", "reason_en"]] = verdict
    out["reason"] = out["reason_zh"] + " / " + out["reason_en"]
    kept = [name for name in ("id", "district", "synthetic") if name in out.columns]
    return out[[*BOILER_COLUMNS, *kept, "geometry"]]


_GROUNDS = ("inside", "plant", "rule", "distance_km")


def _reason(boiler) -> tuple[str, str, str]:
    """Return the action and its grounds in Chinese and English."""
    if pd.isna(boiler.plant):
        return "none", "没有在运的热电厂，无供热半径", "no operating CHP plant, so no heating zone"
    radius, km = RADIUS_KM[boiler.rule], boiler.distance_km
    # Enough digits to show on which side of the boundary it lies.
    far = f"{km:.1f}" if abs(km - radius) > 0.1 else f"{km:.4f}"
    where_zh = f"距{boiler.plant} {far} km，{'在' if boiler.inside else '不在'}其 {radius:g} km 供热半径内"
    side = "inside" if boiler.inside else "outside"
    where_en = f"{far} km from {boiler.plant}, {side} its {radius:g} km heating zone"
    if not boiler.inside:
        return "none", where_zh, where_en
    if boiler.fuel != "coal":
        return "none", f"{where_zh}，但不是燃煤锅炉", f"{where_en}, but it does not burn coal"
    if boiler.status == "closed":
        return "none", f"{where_zh}，已关停", f"{where_en}, already closed"
    return "close_or_integrate", f"燃煤锅炉，{where_zh}", f"coal boiler, {where_en}"


def _no_boilers() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({name: [] for name in BOILER_COLUMNS}, geometry=[], crs=4326)
