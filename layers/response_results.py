"""Schemas of what answers heavy pollution: classes of a surface, warnings, measures, and what any polygon holds."""

from layers.results import CATEGORIES, PEOPLE
from layers.schema import Choice, Field, LayerSchema

COLOURS = (Choice("yellow", "黄色", "Yellow"), Choice("orange", "橙色", "Orange"), Choice("red", "红色", "Red"))
GRADES = (
    Choice("A", "A级", "Grade A", ("a级", "引领性", "a 级")),
    Choice("B", "B级", "Grade B", ("b级", "b 级", "非引领性")),
    Choice("C", "C级", "Grade C", ("c级", "c 级")),
    Choice("D", "D级", "Grade D", ("d级", "d 级")),
)
_TIME = Field("time", "时间", "Time", "time")
_POLLUTANT = Field("pollutant", "指标", "Pollutant or index", "str")
_UNIT = Field("unit", "单位", "Unit", "str")
_CATEGORY = Field("category", "级别", "Category", "int", minimum=1, maximum=6, choices=CATEGORIES)
_FROM = Field("from_value", "下限", "From", "float")
_TO = Field("to_value", "上限", "To", "float")
_AREA = Field("area_km2", "面积", "Area", "float", "km2", minimum=0)
_ASSUMPTIONS = (
    Field("assumptions_zh", "假设", "Assumptions (Chinese)", "str"),
    Field("assumptions_en", "假设（英文）", "Assumptions", "str"),
)

POLLUTION_ZONES = LayerSchema(
    "pollution_zones",
    "污染分级范围",
    "Pollution classes",
    "polygon",
    (
        Field("class_no", "序号", "Class number", "int", minimum=1),
        _CATEGORY,
        _FROM,
        _TO,
        _UNIT,
        _POLLUTANT,
        _TIME,
        _AREA,
        Field("share_pct", "占区域面积比例", "Share of the area", "float", "%", minimum=0, maximum=100),
        *PEOPLE,
        Field("districts", "涉及区县", "Districts", "str"),
        *_ASSUMPTIONS,
    ),
    derived=True,
    time_field="time",
)

POLLUTION_ABOVE = LayerSchema(
    "pollution_above",
    "超级别范围",
    "Above each level",
    "polygon",
    (
        Field("level", "界限", "Level", "float"),
        Field("level_zh", "级别（中文）", "Level (Chinese)", "str"),
        Field("level_en", "级别（英文）", "Level (English)", "str"),
        Field(
            "band",
            "概率",
            "Probability",
            "str",
            choices=(
                Choice("p90", "至少90%", "At least 90 %"),
                Choice("p50", "至少50%", "At least 50 %"),
                Choice("p10", "至少10%", "At least 10 %"),
                Choice("surface", "插值面（无概率）", "The surface (no probability)"),
            ),
        ),
        _AREA,
        Field("share_pct", "占区域面积比例", "Share of the area", "float", "%", minimum=0, maximum=100),
        *PEOPLE,
    ),
    derived=True,
)

POLLUTION_DISTRICTS = LayerSchema(
    "pollution_districts",
    "区县乡镇分级占比",
    "Districts by class",
    "polygon",
    (
        Field("layer", "图层", "Layer", "str"),
        Field("name", "名称", "Name", "str"),
        Field("class_no", "序号", "Class number", "int", minimum=1),
        _CATEGORY,
        Field("share_pct", "占该区面积比例", "Share of its area", "float", "%", minimum=0, maximum=100),
        Field("area_km2", "该级面积", "Area in the class", "float", "km2", minimum=0),
        *PEOPLE,
        _FROM,
        _TO,
    ),
    derived=True,
)

POLLUTION_STATIONS = LayerSchema(
    "pollution_stations",
    "参与插值的站点",
    "Stations of the surface",
    "point",
    (
        Field("name", "名称", "Name", "str"),
        Field("value", "值", "Value", "float"),
        Field("left_out", "其余站点估计值", "What the others say", "float"),
        Field("residual", "留一误差", "Leave-one-out error", "float"),
        Field("residual_sd", "留一标准差", "Its standard deviation", "float", minimum=0),
        Field("standardised", "标准化误差", "Standardised error", "float"),
    ),
    derived=True,
)

POLLUTION_WARNINGS = LayerSchema(
    "pollution_warnings",
    "重污染天气预警",
    "Heavy-pollution warnings",
    "polygon",
    (
        Field("colour", "预警级别", "Colour", "str", choices=COLOURS),
        Field("start", "开始日期", "First day", "str"),
        Field("end", "结束日期", "Last day", "str"),
        Field("hours", "时长", "Hours", "int", "h", minimum=0),
        Field("issue", "发布时间", "To be issued by", "time"),
        Field("lift", "解除时间", "To be lifted", "time"),
        Field("peak_aqi", "最大日AQI", "Largest daily AQI", "float", minimum=0, maximum=500),
        Field("colour_start", "达到该级开始日期", "First day of the colour", "str"),
        Field("colour_end", "达到该级结束日期", "Last day of the colour", "str"),
        Field("cut_pct", "减排比例要求", "Cut needed", "float", "%", minimum=0, maximum=100),
        Field("rule_set", "规则", "Rule set", "str"),
        Field("reason_zh", "理由", "Reason (Chinese)", "str"),
        Field("reason_en", "理由（英文）", "Reason (English)", "str"),
    ),
    derived=True,
    time_field="issue",
)

_TONS = {"so2": "SO2", "nox": "NOx", "pm": "PM", "vocs": "VOCs"}

REDUCTION_SOURCES = LayerSchema(
    "reduction_sources",
    "应急减排清单",
    "Emergency reduction list",
    "point",
    (
        Field("id", "编号", "Id", "str"),
        Field("name", "企业名称", "Name", "str"),
        Field("industry", "行业", "Industry", "str"),
        Field("grade", "绩效等级", "Grade", "str", choices=GRADES),
        Field("colour", "预警级别", "Colour", "str", choices=COLOURS),
        Field("cut_pct", "减排比例", "Cut", "float", "%", minimum=0, maximum=100),
        Field("measure_zh", "减排措施", "Measure (Chinese)", "str"),
        Field("measure_en", "减排措施（英文）", "Measure", "str"),
        Field("basis", "依据", "Where the measure comes from", "str"),
        *(
            Field(f"{name}_cut_t_d", f"{title}减排量", f"{title} cut", "float", "t/d", minimum=0)
            for name, title in _TONS.items()
        ),
        Field("district", "区县", "District", "str"),
        Field("contact", "联系信息", "Contact", "str"),
    ),
    derived=True,
)

REDUCTION_TOTALS = LayerSchema(
    "reduction_totals",
    "减排比例核算",
    "Cut reached",
    "polygon",
    (
        Field("pollutant", "污染物", "Pollutant", "str"),
        Field("colour", "预警级别", "Colour", "str", choices=COLOURS),
        Field("total_t_d", "排放总量", "Total emission", "float", "t/d", minimum=0),
        Field("cut_t_d", "减排量", "Cut", "float", "t/d", minimum=0),
        Field("reached_pct", "达到比例", "Cut reached", "float", "%", minimum=0),
        Field("needed_pct", "要求比例", "Cut needed", "float", "%", minimum=0),
        Field("enough", "是否达到", "Enough", "bool"),
        Field("missing_t_d", "尚差", "Still missing", "float", "t/d", minimum=0),
        Field("n_unknown", "排放量缺失的源数", "Sources without a figure", "int", minimum=0),
    ),
    derived=True,
)

SITES_TO_STOP = LayerSchema(
    "sites_to_stop",
    "停工工地",
    "Construction sites to stop",
    "any",
    (
        Field("name", "工地名称", "Name", "str"),
        Field("district", "区县", "District", "str"),
        Field("area_m2", "占地面积", "Area", "float", "m2", minimum=0),
        Field("stage", "施工阶段", "Stage", "str"),
        Field("colour", "预警级别", "Colour", "str", choices=COLOURS),
        Field("measure_zh", "措施", "Measure (Chinese)", "str"),
        Field("measure_en", "措施（英文）", "Measure", "str"),
        Field("contact", "联系信息", "Contact", "str"),
    ),
    derived=True,
)

VEHICLE_ZONES = LayerSchema(
    "vehicle_zones",
    "车辆限行区",
    "Zones closed to vehicles",
    "polygon",
    (
        Field("name", "名称", "Name", "str"),
        Field("colour", "预警级别", "Colour", "str", choices=COLOURS),
        _AREA,
        Field("districts", "涉及区县", "Districts", "str"),
        Field("measure_zh", "措施", "Measure (Chinese)", "str"),
        Field("measure_en", "措施（英文）", "Measure", "str"),
    ),
    derived=True,
)

ZONE_AREAS = LayerSchema(
    "zone_areas",
    "任意范围",
    "Any area",
    "polygon",
    (
        Field("name", "名称", "Name", "str"),
        _AREA,
        *PEOPLE,
        Field("people_covered_pct", "人口格网覆盖比例", "Covered by the grid of people", "float", "%", minimum=0),
        Field("districts", "涉及区县", "Districts", "str"),
        Field("n_facilities", "区内对象数", "Objects inside", "int", minimum=0),
    ),
    derived=True,
)

AREA_OBJECTS = LayerSchema(
    "area_objects",
    "范围内的台账对象",
    "Ledger objects inside",
    "any",
    (
        Field("area", "范围", "Area", "str"),
        Field("layer", "图层", "Layer", "str"),
        Field("name", "名称", "Name", "str"),
        Field("share_pct", "范围内面积比例", "Share inside", "float", "%", minimum=0, maximum=100),
        Field("contact", "联系信息", "Contact", "str"),
    ),
    derived=True,
)

AREA_DISTRICTS = LayerSchema(
    "area_districts",
    "范围涉及的区县乡镇",
    "Districts of the area",
    "polygon",
    (
        Field("area", "范围", "Area", "str"),
        Field("layer", "图层", "Layer", "str"),
        Field("name", "名称", "Name", "str"),
        Field("area_km2", "范围内面积", "Area inside", "float", "km2", minimum=0),
        Field("share_pct", "占该区面积比例", "Share of its area", "float", "%", minimum=0, maximum=100),
        *PEOPLE,
    ),
    derived=True,
)

RESPONSE_RESULTS = (
    POLLUTION_ZONES,
    POLLUTION_ABOVE,
    POLLUTION_DISTRICTS,
    POLLUTION_STATIONS,
    POLLUTION_WARNINGS,
    REDUCTION_SOURCES,
    REDUCTION_TOTALS,
    SITES_TO_STOP,
    VEHICLE_ZONES,
    ZONE_AREAS,
    AREA_DISTRICTS,
    AREA_OBJECTS,
)
