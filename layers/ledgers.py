"""Schemas of what the city keeps as ledgers and what satellites bring: districts, stations, sites, boilers, fires."""

from layers.schema import Choice, Field, LayerSchema

POWER_UNITS = {"万千瓦": 10.0, "千瓦": 0.001, "kw": 0.001, "兆瓦": 1.0, "gw": 1000.0}
STEAM_UNITS = {"蒸吨/小时": 1.0, "蒸吨/时": 1.0, "蒸吨": 1.0, "吨/小时": 1.0, "吨/时": 1.0, "t": 1.0, "吨": 1.0}
AREA_UNITS = {
    "平方米": 1.0,
    "㎡": 1.0,
    "平米": 1.0,
    "万平方米": 1e4,
    "公顷": 1e4,
    "ha": 1e4,
    "km2": 1e6,
    "平方公里": 1e6,
}

DISTRICT = Field("district", "区县", "District", "str", synonyms=("所属区县", "所在区县", "县区", "行政区", "county"))
ONLINE_MONITOR = Field(
    "online_monitor",
    "在线监测",
    "Online monitor",
    "bool",
    synonyms=("是否安装在线监测", "安装在线监测", "在线监控", "扬尘在线监测", "自动监测"),
)
FUELS = (
    Choice("coal", "燃煤", "Coal", ("煤", "煤炭", "煤粉", "原煤", "燃煤锅炉", "烟煤", "无烟煤")),
    Choice("gas", "燃气", "Gas", ("气", "天然气", "natural gas", "lng", "燃气锅炉", "煤气")),
    Choice("biomass", "生物质", "Biomass", ("生物质燃料", "秸秆", "生物质锅炉", "木屑")),
    Choice("oil", "燃油", "Oil", ("油", "柴油", "重油", "diesel", "燃油锅炉")),
)

DISTRICTS = LayerSchema(
    "districts",
    "区县",
    "Districts",
    "polygon",
    (
        Field("name", "名称", "Name", "str", required=True, synonyms=("区县", "县区", "district", "ct_name")),
        Field("name_en", "英文名称", "English name", "str", synonyms=("英文名",)),
        Field("adcode", "行政区划代码", "Administrative code", "str", synonyms=("区划代码", "code", "ct_adcode")),
        Field("target_year", "目标年份", "Target year", "int", minimum=1990, maximum=2100, synonyms=("年份", "年度")),
        Field(
            "pm25_target_ug_m3",
            "PM2.5目标",
            "PM2.5 target",
            "float",
            "ug/m3",
            minimum=0,
            maximum=1000,
            synonyms=("PM2.5年均浓度目标",),
            units={"μg/m3": 1.0, "微克/立方米": 1.0},
        ),
        Field(
            "good_day_ratio_target_pct",
            "优良天数比率目标",
            "Good-day ratio target",
            "float",
            "%",
            minimum=0,
            maximum=100,
            synonyms=("优良天数比率", "优良天数比例目标"),
        ),
        Field(
            "dustfall_target_t_km2_month",
            "降尘量目标",
            "Dustfall target",
            "float",
            "t/km2 month",
            minimum=0,
            synonyms=("降尘量", "降尘目标"),
            units={"吨/平方公里·月": 1.0, "吨/平方千米·月": 1.0},
        ),
        Field("voc_cut_pct", "VOCs减排比例", "VOC cut", "float", "%", minimum=0, maximum=100, synonyms=("VOC减排",)),
        Field("nox_cut_pct", "NOx减排比例", "NOx cut", "float", "%", minimum=0, maximum=100, synonyms=("NOx减排",)),
    ),
    identity=("name",),
)

REGION = LayerSchema(
    "region",
    "周边区域",
    "Region around",
    "polygon",
    (
        Field("name", "名称", "Name", "str", required=True, synonyms=("城市", "城市名称", "city")),
        Field("name_en", "英文名称", "English name", "str", synonyms=("英文名",)),
        Field("adcode", "行政区划代码", "Administrative code", "str", synonyms=("区划代码", "code")),
        Field("source", "来源", "Source", "str", synonyms=("数据来源",)),
    ),
    identity=("name",),
)

STATIONS = LayerSchema(
    "stations",
    "监测站点",
    "Monitoring stations",
    "point",
    (
        Field(
            "id",
            "站点编号",
            "Station id",
            "str",
            required=True,
            synonyms=(
                "station_id",
                "站点编码",
                "监测点编码",
                "测点编码",
                "点位编号",
                "编号",
                "编码",
                "code",
                "station",
            ),
        ),
        Field(
            "name",
            "站点名称",
            "Name",
            "str",
            required=True,
            synonyms=("station_name", "监测点名称", "测点名称", "点位名称", "名称", "站名", "站点"),
        ),
        Field(
            "level",
            "级别",
            "Level",
            "str",
            choices=(
                Choice("national", "国控", "National", ("国控点", "国控站", "国家级", "国")),
                Choice("provincial", "省控", "Provincial", ("省控点", "省控站", "省级", "省")),
                Choice("city", "市控", "City", ("市控点", "市控站", "市级", "市", "municipal")),
                Choice("township", "镇街", "Township", ("乡镇", "镇街站", "镇街空气自动站", "乡镇站", "街道", "镇")),
                Choice("micro", "微站", "Micro-station", ("微型站", "小微站", "微站点", "micro station")),
            ),
            synonyms=("站点级别", "站点类型", "点位级别", "控制级别", "类别"),
        ),
        DISTRICT,
        Field(
            "township", "乡镇", "Township", "str", synonyms=("镇街", "乡镇街道", "所属乡镇", "所在乡镇", "街道", "town")
        ),
        Field("note", "备注", "Note", "str", synonyms=("说明", "remark")),
    ),
    identity=("id",),
)

PARKS = LayerSchema(
    "parks",
    "工业园区",
    "Industrial parks",
    "point_or_polygon",
    (
        Field("name", "园区名称", "Name", "str", required=True, synonyms=("名称", "园区", "集中区名称")),
        Field(
            "level",
            "园区级别",
            "Level",
            "str",
            choices=(
                Choice(
                    "city_and_above",
                    "市级及以上",
                    "City and above",
                    ("市级以上", "市级", "省级", "国家级", "city", "provincial", "national"),
                ),
                Choice(
                    "county_and_below",
                    "县级及以下",
                    "County and below",
                    ("县级以下", "县级", "区级", "镇级", "乡镇级", "county", "township"),
                ),
            ),
            synonyms=("级别", "等级"),
        ),
        Field("main_industry", "主导产业", "Main industry", "str", synonyms=("主要行业", "行业", "产业", "industry")),
        DISTRICT,
    ),
)

CONSTRUCTION_SITES = LayerSchema(
    "construction_sites",
    "施工工地",
    "Construction sites",
    "point_or_polygon",
    (
        Field("name", "工地名称", "Name", "str", synonyms=("名称", "项目名称", "工程名称")),
        Field(
            "area_m2",
            "占地面积",
            "Area",
            "float",
            "m2",
            required=True,
            minimum=0,
            synonyms=("面积", "土石方面积", "施工面积", "建筑面积", "工地面积", "area"),
            units=AREA_UNITS,
        ),
        Field("stage", "施工阶段", "Stage", "str", synonyms=("阶段", "工程进度", "状态")),
        ONLINE_MONITOR,
        Field("video", "视频监控", "Video", "bool", synonyms=("是否安装视频", "安装视频监控", "视频")),
        Field("valid_from", "台账起始日期", "Valid from", "date", synonyms=("起始日期", "开始日期", "开工日期")),
        Field("valid_to", "台账截止日期", "Valid to", "date", synonyms=("截止日期", "结束日期", "竣工日期")),
        DISTRICT,
    ),
)

BOILERS = LayerSchema(
    "boilers",
    "锅炉",
    "Boilers",
    "point",
    (
        Field("id", "锅炉编号", "Id", "str", synonyms=("编号", "设备编号", "boiler_id")),
        Field("name", "锅炉名称", "Name", "str", synonyms=("名称", "企业名称", "单位名称", "使用单位", "设备名称")),
        Field(
            "fuel",
            "燃料",
            "Fuel",
            "str",
            required=True,
            choices=FUELS,
            synonyms=("燃料类型", "燃料种类", "能源类型"),
        ),
        Field(
            "capacity_tph",
            "容量",
            "Capacity",
            "float",
            "t/h",
            required=True,
            minimum=0,
            maximum=5000,
            synonyms=("capacity_t_h", "额定蒸发量", "锅炉容量", "额定容量", "蒸吨", "蒸吨数", "吨位", "规模"),
            units=STEAM_UNITS | {"mw": 1 / 0.7},
        ),
        Field(
            "status",
            "状态",
            "Status",
            "str",
            choices=(
                Choice("operating", "在用", "Operating", ("运行", "使用", "使用中", "正常", "在运")),
                Choice("standby", "备用", "Standby", ("停用", "停运", "应急备用")),
                Choice("closed", "关停", "Closed", ("已关停", "淘汰", "已淘汰", "拆除", "已拆除", "注销", "报废")),
            ),
            synonyms=("运行状态", "使用状态", "使用情况"),
        ),
        Field("retrofit", "改造情况", "Retrofit", "str", synonyms=("改造", "超低排放改造", "治理措施", "治理情况")),
        ONLINE_MONITOR,
        DISTRICT,
    ),
    identity=("id",),
)

CHP_UNITS = LayerSchema(
    "chp_units",
    "热电联产机组",
    "Combined heat and power units",
    "point",
    (
        Field("name", "机组名称", "Name", "str", synonyms=("名称", "机组", "机组编号", "unit_name")),
        Field("plant", "电厂", "Plant", "str", synonyms=("电厂名称", "热电厂", "所属电厂", "企业名称", "单位名称")),
        Field(
            "capacity_mw",
            "装机容量",
            "Capacity",
            "float",
            "MW",
            required=True,
            minimum=0,
            maximum=30000,
            synonyms=("容量", "机组容量", "装机", "额定功率", "capacity"),
            units=POWER_UNITS,
        ),
        Field(
            "capacity_of",
            "容量口径",
            "Capacity of",
            "str",
            choices=(
                Choice("unit", "单机", "Unit", ("机组", "单台")),
                Choice("plant", "全厂", "Whole plant", ("电厂", "总装机", "合计")),
            ),
        ),
        Field(
            "status",
            "状态",
            "Status",
            "str",
            choices=(
                Choice("operating", "在运", "Operating", ("运行", "在用", "投运", "已投运")),
                Choice("planned", "规划", "Planned", ("在建", "拟建", "规划中", "under construction")),
                Choice("retired", "退役", "Retired", ("关停", "已关停", "拆除", "closed")),
            ),
            synonyms=("运行状态",),
        ),
        Field("fuel", "燃料", "Fuel", "str", synonyms=("燃料类型", "燃料种类", "primary_fuel")),
        Field("source", "来源", "Source", "str", synonyms=("数据来源", "资料来源")),
    ),
)

DAY_NIGHT = (Choice("day", "白天", "Day", ("D", "昼", "日间")), Choice("night", "夜间", "Night", ("N", "夜", "晚上")))
SUSPECTED = (
    Choice("straw", "秸秆焚烧", "Straw burning", ("秸秆", "秸秆火点")),
    Choice("fixed_heat_source", "固定热源", "Fixed heat source", ("固定源", "工业热源", "fixed")),
    Choice("other", "其他", "Other", ("其它", "不明")),
)
CONFIDENCE = (
    Choice("low", "低", "Low", ("l", "低置信度")),
    Choice("nominal", "中", "Nominal", ("n", "一般", "中置信度")),
    Choice("high", "高", "High", ("h", "高置信度")),
)

FIRE_POINTS = LayerSchema(
    "fire_points",
    "卫星火点",
    "Fire points",
    "point",
    (
        Field(
            "time",
            "观测时间",
            "Acquisition time",
            "time",
            required=True,
            synonyms=("时间", "日期", "监测时间", "acq_datetime", "datetime"),
        ),
        Field("satellite", "卫星", "Satellite", "str", synonyms=("卫星名称",)),
        Field("instrument", "传感器", "Instrument", "str", synonyms=("仪器",)),
        Field(
            "frp_mw",
            "火辐射功率",
            "Fire radiative power",
            "float",
            "MW",
            minimum=0,
            synonyms=("frp", "辐射功率"),
            units={"兆瓦": 1.0},
        ),
        Field(
            "confidence_pct",
            "置信度百分比",
            "Confidence percentage",
            "float",
            "%",
            minimum=0,
            maximum=100,
            synonyms=("置信度", "可信度"),
        ),
        Field("confidence", "置信等级", "Confidence class", "str", choices=CONFIDENCE, synonyms=("可信度等级",)),
        Field(
            "brightness_k",
            "亮温",
            "Brightness temperature",
            "float",
            "K",
            minimum=0,
            maximum=1500,
            synonyms=("brightness", "亮度温度"),
        ),
        Field("day_night", "昼夜", "Day or night", "str", choices=DAY_NIGHT, synonyms=("daynight",)),
        Field("suspected_type", "疑似类型", "Suspected type", "str", choices=SUSPECTED, synonyms=("火点类型", "类型")),
        Field("grounds", "判断依据", "Grounds", "str", synonyms=("依据",)),
        Field("source", "来源", "Source", "str", synonyms=("数据来源",)),
    ),
    time_field="time",
)

FIRE_RASTERS = LayerSchema(
    "fire_rasters",
    "火情栅格",
    "Fire rasters",
    "polygon",
    (
        Field("time", "观测时间", "Acquisition time", "time", required=True),
        Field("satellite", "卫星", "Satellite", "str"),
        Field(
            "kind",
            "类型",
            "Kind",
            "str",
            required=True,
            choices=(
                Choice("fire_mask", "火点掩膜", "Fire mask"),
                Choice("brightness_temperature", "亮温", "Brightness temperature"),
            ),
        ),
        Field("path", "文件", "File", "str", required=True),
        Field("unit", "单位", "Unit", "str"),
    ),
    kind="raster",
    time_field="time",
    identity=("path",),
)

LEDGERS = (REGION, DISTRICTS, STATIONS, PARKS, CONSTRUCTION_SITES, BOILERS, CHP_UNITS, FIRE_POINTS, FIRE_RASTERS)
