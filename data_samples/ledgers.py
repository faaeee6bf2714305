"""The practice episode's ledgers: boilers, parks, construction sites and micro stations. All of it is synthetic."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.random import Generator

from data_samples import facts
from data_samples.facts import Boundaries
from geo.geodesic import GEOD

Row = dict[str, Any]
Feature = tuple[Any, Row]

# Boilers, parks of both levels, sites and micro stations per district.
COUNTS = {
    "连云区": (16, 5, 2, 10, 12),
    "海州区": (18, 6, 3, 18, 16),
    "赣榆区": (20, 4, 4, 10, 9),
    "东海县": (20, 4, 5, 9, 10),
    "灌云县": (15, 3, 3, 7, 7),
    "灌南县": (15, 3, 3, 6, 6),
}
# Where each district's towns are: sites and micro stations stand around them (longitude, latitude).
TOWNS = {
    "连云区": (119.37, 34.72),
    "海州区": (119.19, 34.59),
    "赣榆区": (119.12, 34.84),
    "东海县": (118.78, 34.56),
    "灌云县": (119.25, 34.30),
    "灌南县": (119.33, 34.10),
}
TOWN_SPREAD_DEG = 0.07
COAL_CAPACITY_TPH = (4, 6, 10, 15, 20, 35, 65, 75, 130)
OTHER_CAPACITY_TPH = (1, 2, 4, 6, 10, 15, 20)
# Share of fuels, and of status, in the order of the schema.
FUELS = (("coal", 0.38), ("gas", 0.36), ("biomass", 0.18), ("oil", 0.08))
STATUS = (("operating", 0.78), ("standby", 0.12), ("closed", 0.10))
RETROFIT = (("未改造", 0.3), ("计划改造", 0.2), ("低氮改造", 0.3), ("超低排放改造", 0.2))
# Plant, radius of its heating zone (m), bearings: coal boilers stand a little inside and outside of the edge.
EDGES = (
    ("Xinhai power station", 30_000.0, (225.0, 270.0)),
    ("Hongyang Lianyungang power station", 15_000.0, (200.0, 290.0)),
    ("Jiangsu Guohua Chenjiagang power station", 30_000.0, (250.0, 280.0)),
    ("Yangzhou City Waste Incineration", 15_000.0, (120.0, 215.0)),
)
EDGE_OFFSETS_M = (-50.0, -5.0, 5.0, 50.0)

INDUSTRIES = ("化工", "钢铁", "建材", "机械", "食品", "纺织", "医药", "物流", "新材料", "硅材料")
# The park in which the industrial planted source stands.
COASTAL_PARK = (119.76, 34.4)
STAGES = ("土石方", "基础", "主体", "装修")
QUARTER = ("2021-10-01", "2021-12-31")
# Areas (m2) around the limit from which a site needs monitor and video.
LIMIT_AREAS_M2 = (4900.0, 4990.0, 4999.0, 5001.0, 5010.0, 5100.0)


def inside(rng: Generator, shape: Any, *, around: tuple[float, float] | None = None) -> tuple[float, float]:
    """Return a random place inside a polygon, near a town where one is given (degrees, rounded to 0.1 m)."""
    west, south, east, north = shape.bounds
    while True:
        if around is None:
            lon, lat = west + (east - west) * rng.random(), south + (north - south) * rng.random()
        else:
            lon, lat = (c + TOWN_SPREAD_DEG * rng.standard_normal() for c in around)
        if shapely.contains_xy(shape, lon, lat):
            return round(lon, 6), round(lat, 6)


def pick(rng: Generator, shares: Sequence[tuple[str, float]]) -> str:
    """Return one of the names, drawn by its share."""
    edges = np.cumsum([share for _, share in shares])
    return shares[int(np.searchsorted(edges, rng.random() * edges[-1], side="right"))][0]


def boilers(known: Boundaries, rng: Generator) -> tuple[list[Row], list[Row]]:
    """Return the boilers, and for those near a zone's edge the plant, the radius and the distance from the edge."""
    rows: list[Row] = []
    for district, (count, *_) in COUNTS.items():
        for _ in range(count):
            lon, lat = inside(rng, known.shape_of(district))
            rows.append(_boiler(rng, len(rows) + 1, pick(rng, FUELS), (lon, lat, district)))
    edges: list[Row] = []
    places = {name: (lon, lat) for name, _, _, lon, lat in facts.PLANTS}
    for plant, radius, bearings in EDGES:
        for offset, bearing in zip(EDGE_OFFSETS_M, np.linspace(*bearings, len(EDGE_OFFSETS_M)), strict=True):
            lon, lat, _ = GEOD.fwd(*places[plant], float(bearing), radius + offset)
            place = (round(lon, 7), round(lat, 7), known.district_of(lon, lat))
            row = _boiler(rng, len(rows) + 1, "coal", place) | {"status": "operating"}
            rows.append(row)
            edges.append({"boiler": row["id"], "plant": plant, "radius_m": radius, "beyond_edge_m": offset})
    return rows, edges


def _boiler(rng: Generator, number: int, fuel: str, place: tuple[float, float, str]) -> Row:
    sizes = COAL_CAPACITY_TPH if fuel == "coal" else OTHER_CAPACITY_TPH
    capacity = sizes[int(rng.random() * len(sizes))]
    head = {"id": f"YLGL{number:03d}", "name": f"演练锅炉 {number:03d}", "fuel": fuel, "capacity_tph": capacity}
    state = {"status": pick(rng, STATUS), "retrofit": pick(rng, RETROFIT)}
    monitor = bool(rng.random() < (0.9 if capacity >= 20 else 0.15))
    where = {"district": place[2], "lon": place[0], "lat": place[1]}
    return {**head, **state, "online_monitor": monitor, **where, "synthetic": True}


def parks(known: Boundaries, rng: Generator) -> list[Feature]:
    """Return the parks as polygons: the first holds the industrial planted source."""
    found = [(_rectangle(*COASTAL_PARK, (2600.0, 1700.0), 40.0), _park(1, "city_and_above", "化工", "灌南县"))]
    for level, column in (("city_and_above", 1), ("county_and_below", 2)):
        for district, counts in COUNTS.items():
            for _ in range(counts[column] - (district == "灌南县" and level == "city_and_above")):
                shape = _park_shape(known, rng, district, small=level == "county_and_below")
                industry = INDUSTRIES[int(rng.random() * len(INDUSTRIES))]
                found.append((shape, _park(len(found) + 1, level, industry, district)))
    return found


def _park(number: int, level: str, industry: str, district: str) -> Row:
    head = {"name": f"演练园区 {number:02d}", "level": level, "main_industry": industry, "district": district}
    return {**head, "synthetic": True}


def _park_shape(known: Boundaries, rng: Generator, district: str, *, small: bool) -> Any:
    """Return a rectangle that lies wholly in the district."""
    whole = known.shape_of(district)
    size = (0.4, 0.9) if small else (1.0, 2.6)
    while True:
        lon, lat = inside(rng, whole)
        long_side, short_side = (1000 * (size[0] + (size[1] - size[0]) * rng.random()) for _ in range(2))
        shape = _rectangle(lon, lat, (long_side, short_side), 180 * rng.random())
        if shapely.contains(whole, shape):
            return shape


def _rectangle(lon: float, lat: float, sides_m: tuple[float, float], bearing: float) -> Any:
    """Return a rectangle around a place by its sides (m) and the bearing of the first, corners by geodesics."""
    half_long, half_short = sides_m[0] / 2, sides_m[1] / 2
    reach, angle = float(np.hypot(half_long, half_short)), float(np.degrees(np.arctan2(half_short, half_long)))
    bearings = (bearing + angle, bearing + 180 - angle, bearing + 180 + angle, bearing - angle)
    corners = [GEOD.fwd(lon, lat, b, reach)[:2] for b in bearings]
    return shapely.Polygon([(round(x, 7), round(y, 7)) for x, y in corners])


def sites(known: Boundaries, rng: Generator) -> list[Feature]:
    """Return construction sites as polygons; the area is the polygon's own, geodesic."""
    found: list[Feature] = []
    limits = iter(LIMIT_AREAS_M2)
    for district, (_, _, _, count, _) in COUNTS.items():
        for k in range(count):
            lon, lat = inside(rng, known.shape_of(district), around=TOWNS[district])
            wanted = next(limits) if k == 0 else float(np.exp(np.log(1500.0) + np.log(20.0) * rng.random()))
            stretch = 1.0 + rng.random()
            shape = _rectangle(lon, lat, (np.sqrt(wanted * stretch), np.sqrt(wanted / stretch)), 180 * rng.random())
            area = round(abs(GEOD.geometry_area_perimeter(shape)[0]), 1)
            found.append((shape, _site(rng, len(found) + 1, area, district)))
    return found


def _site(rng: Generator, number: int, area: float, district: str) -> Row:
    duty = area >= 5000
    monitor, video = (bool(rng.random() < (0.85 if duty else 0.25)) for _ in range(2))
    stage = STAGES[int(rng.random() * len(STAGES))]
    head = {
        "name": f"演练工地 {number:02d}",
        "area_m2": area,
        "stage": stage,
        "online_monitor": monitor,
        "video": video,
    }
    return {**head, "valid_from": QUARTER[0], "valid_to": QUARTER[1], "district": district, "synthetic": True}


def micro_stations(known: Boundaries, rng: Generator) -> list[Row]:
    """Return the micro stations around the districts' towns."""
    rows: list[Row] = []
    note = "模拟站点 / synthetic station"
    for district, (*_, count) in COUNTS.items():
        for _ in range(count):
            lon, lat = inside(rng, known.shape_of(district), around=TOWNS[district])
            number = len(rows) + 1
            head = {"id": f"YLWZ{number:02d}", "name": f"演练微站 {number:02d}", "level": "micro", "district": district}
            rows.append({**head, "note": note, "lon": lon, "lat": lat, "synthetic": True})
    return rows
