"""Schemas of what Suyuan itself makes: zones, indices, trajectories, hot spots."""

from layers.ledgers import FUELS
from layers.results_hotspots import HOTSPOT_RESULTS
from layers.schema import Choice, Field, LayerSchema

RULES = (
    Choice("chp_300mw_30km", "30万千瓦及以上机组30公里", "Units of 300 MW or more: 30 km"),
    Choice("other_15km", "其他热电厂15公里", "Other plants: 15 km"),
)
CATEGORIES = tuple(
    Choice(str(number), zh, en)
    for number, (zh, en) in enumerate(
        (
            ("优", "Excellent"),
            ("良", "Good"),
            ("轻度污染", "Lightly polluted"),
            ("中度污染", "Moderately polluted"),
            ("重度污染", "Heavily polluted"),
            ("严重污染", "Severely polluted"),
        ),
        start=1,
    )
)

HEATING_ZONES = LayerSchema(
    "heating_zones",
    "供热半径",
    "Heating zones",
    "polygon",
    (
        Field("zone_id", "编号", "Zone id", "str"),
        Field(
            "kind",
            "类型",
            "Kind",
            "str",
            choices=(Choice("plant", "单厂", "Plant"), Choice("dissolved", "合并", "Dissolved")),
        ),
        Field("plant", "电厂", "Plant", "str"),
        Field("rule", "规则", "Rule", "str", choices=RULES),
        Field("radius_km", "半径", "Radius", "float", "km", minimum=0),
        Field(
            "decided_by",
            "判定口径",
            "Decided by",
            "str",
            choices=(Choice("unit", "单机容量", "Unit"), Choice("plant_total", "全厂容量", "Plant total")),
        ),
        Field("capacity_mw", "容量", "Capacity", "float", "MW", minimum=0),
        Field("area_km2", "面积", "Area", "float", "km2", minimum=0),
        Field("n_coal_boilers", "区内燃煤锅炉数", "Coal boilers inside", "int", minimum=0),
        Field("note", "备注", "Note", "str"),
    ),
    derived=True,
)

HEATING_BOILERS = LayerSchema(
    "heating_boilers",
    "供热半径内外的锅炉",
    "Boilers and heating zones",
    "point",
    (
        Field("name", "锅炉名称", "Name", "str"),
        Field("fuel", "燃料", "Fuel", "str", choices=FUELS),
        Field("capacity_tph", "容量", "Capacity", "float", "t/h", minimum=0),
        Field("status", "状态", "Status", "str"),
        Field("inside", "在供热半径内", "Inside a zone", "bool"),
        Field("plant", "最近电厂", "Nearest plant", "str"),
        Field("rule", "规则", "Rule", "str", choices=RULES),
        Field("distance_km", "距离", "Distance", "float", "km", minimum=0),
        Field("n_zones", "所在区域数", "Number of zones", "int", minimum=0),
        Field(
            "action",
            "措施",
            "Action",
            "str",
            choices=(
                Choice("close_or_integrate", "关停或整合", "Close or integrate"),
                Choice("none", "无", "None"),
            ),
        ),
        Field("reason", "理由", "Reason", "str"),
    ),
    derived=True,
)

ROAD_CLEANING_ZONES = LayerSchema(
    "road_cleaning_zones",
    "道路保洁区",
    "Road-cleaning zones",
    "polygon",
    (
        Field(
            "kind",
            "类型",
            "Kind",
            "str",
            choices=(Choice("station", "单站", "Station"), Choice("dissolved", "合并", "Dissolved")),
        ),
        Field("station_id", "站点编号", "Station id", "str"),
        Field("name", "站点名称", "Name", "str"),
        Field("level", "级别", "Level", "str"),
        Field("radius_km", "半径", "Radius", "float", "km", minimum=0),
        Field("area_km2", "面积", "Area", "float", "km2", minimum=0),
    ),
    derived=True,
)

STATION_AQI = LayerSchema(
    "station_aqi",
    "站点空气质量指数",
    "Station air quality index",
    "point",
    (
        Field("station_id", "站点编号", "Station id", "str", required=True),
        Field("name", "站点名称", "Name", "str"),
        Field("time", "时间", "Time", "time", required=True),
        Field("pm25_ug_m3", "PM2.5", "PM2.5", "float", "ug/m3"),
        Field("pm10_ug_m3", "PM10", "PM10", "float", "ug/m3"),
        Field("so2_ug_m3", "SO2", "SO2", "float", "ug/m3"),
        Field("no2_ug_m3", "NO2", "NO2", "float", "ug/m3"),
        Field("co_mg_m3", "CO", "CO", "float", "mg/m3"),
        Field("o3_ug_m3", "O3", "O3", "float", "ug/m3"),
        Field("aqi", "AQI", "AQI", "int", minimum=0, maximum=500),
        Field("category", "级别", "Category", "int", minimum=1, maximum=6, choices=CATEGORIES),
        Field("primary", "首要污染物", "Primary pollutant", "str"),
        Field("standard", "执行标准", "Standard", "str"),
    ),
    derived=True,
    time_field="time",
)

STATION_MEANS = LayerSchema(
    "station_means",
    "站点平均浓度",
    "Station means",
    "point",
    (
        Field("station_id", "站点编号", "Station id", "str", required=True),
        Field("name", "站点名称", "Name", "str"),
        Field("start", "起始时间", "Start", "time"),
        Field("end", "截止时间", "End", "time"),
        Field("pm25_ug_m3", "PM2.5", "PM2.5", "float", "ug/m3"),
        Field("pm10_ug_m3", "PM10", "PM10", "float", "ug/m3"),
        Field("so2_ug_m3", "SO2", "SO2", "float", "ug/m3"),
        Field("no2_ug_m3", "NO2", "NO2", "float", "ug/m3"),
        Field("co_mg_m3", "CO", "CO", "float", "mg/m3"),
        Field("o3_ug_m3", "O3", "O3", "float", "ug/m3"),
        Field("n_hours", "PM2.5有效小时数", "Hours with PM2.5", "int", minimum=0),
    ),
    derived=True,
    time_field="start",
)

TRAJECTORIES = LayerSchema(
    "trajectories",
    "气流轨迹",
    "Trajectories",
    "line",
    (
        Field("trajectory", "轨迹", "Trajectory", "int"),
        Field("receptor", "受体", "Receptor", "str"),
        Field("start_time", "起始时间", "Start time", "time"),
        Field("height_m_agl", "起始高度", "Start height", "float", "m"),
        Field("hours", "时长", "Hours", "float", "h"),
        Field("end_reason", "结束原因", "End reason", "str"),
        Field("n_points", "点数", "Points", "int", minimum=0),
        Field("error_km", "终点误差", "Error at the end", "float", "km", minimum=0),
        Field("member", "成员", "Member", "int", minimum=1),
    ),
    derived=True,
    time_field="start_time",
    free=True,
)

TRAJECTORY_POINTS = LayerSchema(
    "trajectory_points",
    "气流轨迹端点",
    "Trajectory points",
    "point",
    (
        Field("trajectory", "轨迹", "Trajectory", "int"),
        Field("receptor", "受体", "Receptor", "str"),
        Field("start_time", "起始时间", "Start time", "time"),
        Field("time", "时间", "Time", "time"),
        Field("age_h", "龄期", "Age", "float", "h"),
        Field("lon", "经度", "Longitude", "float", "degrees_east"),
        Field("lat", "纬度", "Latitude", "float", "degrees_north"),
        Field("height_m_agl", "离地高度", "Height above ground", "float", "m"),
        Field("pressure_hpa", "气压", "Pressure", "float", "hPa"),
        Field("end_reason", "结束原因", "End reason", "str"),
    ),
    derived=True,
    time_field="time",
    free=True,
)

HOTSPOTS = LayerSchema(
    "hotspots",
    "热点",
    "Hot spots",
    "any",
    (
        Field("z", "z 值", "z score", "float"),
        Field("p", "p 值", "p value", "float", minimum=0, maximum=1),
        Field("p_fdr", "校正 p 值", "p value after FDR", "float", minimum=0, maximum=1),
        Field("class", "等级", "Class", "int", minimum=-3, maximum=3),
    ),
    derived=True,
    free=True,
)

QUADRANTS = (
    Choice("HH", "高值聚集", "High among high"),
    Choice("LL", "低值聚集", "Low among low"),
    Choice("HL", "低中之高", "High among low"),
    Choice("LH", "高中之低", "Low among high"),
)

LOCAL_MORAN = LayerSchema(
    "local_moran",
    "聚集与异常值",
    "Clusters and outliers",
    "any",
    (
        Field("local_i", "局部莫兰指数", "Local Moran's I", "float"),
        Field("z", "z 值", "z score", "float"),
        Field("p", "p 值", "p value", "float", minimum=0, maximum=1),
        Field("p_fdr", "校正 p 值", "p value after FDR", "float", minimum=0, maximum=1),
        Field("class", "等级", "Class", "int", minimum=-3, maximum=3),
        Field("quadrant", "象限", "Quadrant", "str", choices=QUADRANTS),
    ),
    derived=True,
    free=True,
)

_PATTERNS = (
    ("new", "新增", "New"),
    ("consecutive", "连续", "Consecutive"),
    ("intensifying", "加强", "Intensifying"),
    ("persistent", "持续", "Persistent"),
    ("diminishing", "减弱", "Diminishing"),
    ("sporadic", "零星", "Sporadic"),
    ("oscillating", "振荡", "Oscillating"),
    ("historical", "历史", "Historical"),
)
PATTERNS = (
    *(Choice(f"{name}_hot", f"{zh}热点", f"{en} hot spot") for name, zh, en in _PATTERNS),
    *(Choice(f"{name}_cold", f"{zh}冷点", f"{en} cold spot") for name, zh, en in _PATTERNS),
    Choice("none", "无规律", "No pattern"),
)

EMERGING_HOTSPOTS = LayerSchema(
    "emerging_hotspots",
    "新兴热点",
    "Emerging hot spots",
    "any",
    (
        Field("pattern", "类型", "Pattern", "str", choices=PATTERNS),
        Field("last_z", "末期 z 值", "z score, last step", "float"),
        Field("last_p", "末期 p 值", "p value, last step", "float", minimum=0, maximum=1),
        Field("last_p_fdr", "末期校正 p 值", "p value after FDR, last step", "float", minimum=0, maximum=1),
        Field("last_class", "末期等级", "Class, last step", "int", minimum=-3, maximum=3),
        Field("trend_z", "趋势 z 值", "Trend z (Mann-Kendall)", "float"),
        Field("trend_p", "趋势 p 值", "Trend p value", "float", minimum=0, maximum=1),
        Field("trend_p_fdr", "趋势校正 p 值", "Trend p value after FDR", "float", minimum=0, maximum=1),
        Field("hot_share_pct", "热点期数占比", "Share of hot steps", "float", "%", minimum=0, maximum=100),
        Field("cold_share_pct", "冷点期数占比", "Share of cold steps", "float", "%", minimum=0, maximum=100),
        Field("n_tested", "有效期数", "Tested steps", "int", minimum=0),
    ),
    derived=True,
    free=True,
)

HOTSPOT_CLUSTERS = LayerSchema(
    "hotspot_clusters",
    "时空聚集区",
    "Space-time clusters",
    "any",
    (
        Field("rank", "序号", "Rank", "int", minimum=1),
        Field("members", "成员", "Members", "str"),
        Field("n_places", "成员数", "Places", "int", minimum=1),
        Field("centre", "中心", "Centre", "str"),
        Field("radius_km", "半径", "Radius", "float", "km", minimum=0),
        Field("start", "开始日期", "Start", "str"),
        Field("end", "结束日期", "End", "str"),
        Field("cases", "例数", "Cases", "int", minimum=0),
        Field("expected", "期望例数", "Expected", "float", minimum=0),
        Field("relative_risk", "相对风险", "Relative risk", "float", minimum=0),
        Field("llr", "对数似然比", "Log-likelihood ratio", "float", minimum=0),
        Field("test_statistic", "检验统计量", "Test statistic", "float", minimum=0),
        Field("axis_ratio", "长短轴比", "Long to short axis", "float", minimum=1),
        Field("angle_deg", "长轴方向", "Direction of the long axis, from east", "float", "degrees", minimum=0),
        Field("p_value", "p 值", "p value", "float", minimum=0, maximum=1),
        Field("p_gumbel", "Gumbel p 值", "p value, Gumbel", "float", minimum=0, maximum=1),
        Field("recurrence_days", "重现间隔", "Recurrence interval", "float", "d", minimum=0),
    ),
    derived=True,
)

PEOPLE = (
    Field("people_low", "人口（低）", "People, low", "float", minimum=0),
    Field("people_best", "人口（最佳估计）", "People, best", "float", minimum=0),
    Field("people_high", "人口（高）", "People, high", "float", minimum=0),
)
SEVERITY = Field(
    "severity",
    "严重程度",
    "Severity",
    "str",
    choices=(Choice("high", "高", "High"), Choice("medium", "中", "Medium"), Choice("low", "低", "Low")),
)
LEVEL_ZH = Field("level_zh", "阈值级别", "Level (Chinese)", "str")
LEVEL_EN = Field("level_en", "阈值级别（英文）", "Level", "str")

ZONE_BANDS = LayerSchema(
    "zone_bands",
    "影响范围概率带",
    "Zone bands",
    "polygon",
    (
        SEVERITY,
        LEVEL_ZH,
        LEVEL_EN,
        Field(
            "band",
            "概率带",
            "Band",
            "str",
            choices=(
                Choice("p10", "至少10%", "At least 10 %"),
                Choice("p50", "至少50%", "At least 50 %"),
                Choice("p90", "至少90%", "At least 90 %"),
                Choice("turning", "风向转变包络", "If the wind turns"),
                Choice("before", "上一版范围", "Zone of the version before"),
            ),
        ),
        Field("area_km2", "面积", "Area", "float", "km2", minimum=0),
        Field("members", "成员数", "Members", "int", minimum=0),
        Field("turn_deg", "转向角", "Turn of the wind", "float", "degrees", minimum=0),
    ),
    derived=True,
)

ARRIVAL_LINES = LayerSchema(
    "arrival_lines",
    "到达时间线",
    "Arrival lines",
    "line",
    (Field("minutes", "到达时间", "Arrival", "float", "min", minimum=0), LEVEL_ZH, LEVEL_EN),
    derived=True,
)

INCIDENT_MEASUREMENTS = LayerSchema(
    "incident_measurements",
    "事故监测值",
    "Measured in the incident",
    "point",
    (
        Field("incident", "事故编号", "Incident", "str"),
        Field("value_mg_m3", "监测浓度", "Measured", "float", "mg/m3", minimum=0),
        Field("expected_mg_m3", "模型浓度", "Expected", "float", "mg/m3", minimum=0),
        Field("z_m", "离地高度", "Height above ground", "float", "m", minimum=0),
    ),
    derived=True,
)

ZONE_DISTRICTS = LayerSchema(
    "zone_districts",
    "范围内的区县和乡镇",
    "Districts inside",
    "polygon",
    (
        SEVERITY,
        LEVEL_ZH,
        LEVEL_EN,
        Field("layer", "图层", "Layer", "str"),
        Field("name", "名称", "Name", "str"),
        Field("area_km2", "范围内面积", "Area inside", "float", "km2", minimum=0),
        Field("share_pct", "占该区面积比例", "Share of its area", "float", "%", minimum=0, maximum=100),
        *PEOPLE,
    ),
    derived=True,
)

ZONE_OBJECTS = LayerSchema(
    "zone_objects",
    "范围内的对象",
    "Objects inside",
    "any",
    (
        SEVERITY,
        LEVEL_ZH,
        LEVEL_EN,
        Field("layer", "图层", "Layer", "str"),
        Field("name", "名称", "Name", "str"),
        Field("distance_km", "距源距离", "Distance", "float", "km", minimum=0),
        Field("share_pct", "范围内面积比例", "Share inside", "float", "%", minimum=0, maximum=100),
        Field("contact", "联系信息", "Contact", "str"),
    ),
    derived=True,
    free=True,
)

AFFECTED_ZONES = LayerSchema(
    "affected_zones",
    "影响范围",
    "Affected zones",
    "polygon",
    (
        SEVERITY,
        LEVEL_ZH,
        LEVEL_EN,
        Field("incident", "事故编号", "Incident", "str"),
        Field("version", "版次", "Version", "int", minimum=1),
        Field("substance", "物质", "Substance", "str"),
        Field("threshold_mg_m3", "阈值浓度", "Threshold", "float", "mg/m3", minimum=0),
        Field("threshold_ppm", "阈值体积分数", "Threshold by volume", "float", "ppm", minimum=0),
        Field("area_km2", "面积", "Area", "float", "km2", minimum=0),
        Field("reach_km", "最远距离", "Reach", "float", "km", minimum=0),
        Field("cut", "在模型适用范围处截断", "Cut where the model ends", "bool"),
        Field("arrival_min", "最远处到达时间", "Arrival at the far end", "float", "min", minimum=0),
        Field("reach_p10_km", "距离10%分位", "Reach, 10th percentile", "float", "km", minimum=0),
        Field("reach_p50_km", "距离50%分位", "Reach, 50th percentile", "float", "km", minimum=0),
        Field("reach_p90_km", "距离90%分位", "Reach, 90th percentile", "float", "km", minimum=0),
        *PEOPLE,
        Field("districts", "涉及区县", "Districts", "str"),
        Field("n_facilities", "区内对象数", "Objects inside", "int", minimum=0),
        Field("assumptions_zh", "假设", "Assumptions (Chinese)", "str"),
        Field("assumptions_en", "假设（英文）", "Assumptions", "str"),
        Field("source", "阈值来源", "Source of the threshold", "str"),
    ),
    derived=True,
)

RESULTS = (
    HEATING_ZONES,
    HEATING_BOILERS,
    ROAD_CLEANING_ZONES,
    STATION_AQI,
    STATION_MEANS,
    TRAJECTORIES,
    TRAJECTORY_POINTS,
    HOTSPOTS,
    LOCAL_MORAN,
    EMERGING_HOTSPOTS,
    HOTSPOT_CLUSTERS,
    *HOTSPOT_RESULTS,
    AFFECTED_ZONES,
    ZONE_BANDS,
    ARRIVAL_LINES,
    INCIDENT_MEASUREMENTS,
    ZONE_DISTRICTS,
    ZONE_OBJECTS,
)
