"""Schemas of what the hot-spot analyses beside Gi* make: alarms, episodes, density, clusters, the hot grid."""

from layers.schema import Choice, Field, LayerSchema

_FALSE_SHARE = Field("false_share", "估计误报占比", "Estimated share of false alarms", "float", minimum=0, maximum=1)
GRADES = (
    Choice("1", "关注", "Notable"),
    Choice("2", "明显", "Strong"),
    Choice("3", "突出", "Outstanding"),
)
_GRADE = Field("grade", "强度等级", "Grade", "int", minimum=1, maximum=3, choices=GRADES)

ALARMS = LayerSchema(
    "alarms",
    "高值报警",
    "High-value alarms",
    "any",
    (
        Field("alarm", "报警编号", "Alarm", "int", minimum=1),
        Field("episode", "过程编号", "Episode", "int", minimum=1),
        Field("station_id", "站点编号", "Station id", "str", required=True),
        Field("name", "名称", "Name", "str"),
        Field("pollutant", "污染物", "Pollutant", "str"),
        Field("start", "开始时间", "Start", "time", required=True),
        Field("end", "结束时间", "End", "time"),
        Field("hours", "持续小时", "Hours", "int", "h", minimum=1),
        Field("peak_time", "最强时刻", "Peak time", "time"),
        Field("value", "最强时浓度", "Value at the peak", "float"),
        Field("expected", "应有浓度", "Expected: past, weather and neighbours", "float"),
        Field("expected_own", "本站同时段应有浓度", "Expected from its own past", "float"),
        Field("neighbours", "周边中位浓度", "Median of the neighbours", "float"),
        Field("ratio", "与应有浓度之比", "Ratio to expected", "float", minimum=0),
        Field("z", "稳健 z 值", "Robust z", "float"),
        _GRADE,
        Field("mean_excess", "平均超出量", "Mean excess", "float"),
        Field("n_neighbours", "周边站点数", "Neighbours with data", "int", minimum=0),
        _FALSE_SHARE,
        Field("unit", "单位", "Unit", "str"),
    ),
    derived=True,
    time_field="start",
)

ALARM_EPISODES = LayerSchema(
    "alarm_episodes",
    "高值过程",
    "Alarm episodes",
    "polygon",
    (
        Field("episode", "过程编号", "Episode", "int", minimum=1),
        Field("pollutant", "污染物", "Pollutant", "str"),
        Field("start", "开始时间", "Start", "time"),
        Field("end", "结束时间", "End", "time"),
        Field("hours", "持续小时", "Hours", "int", "h", minimum=1),
        Field("n_alarms", "报警数", "Alarms", "int", minimum=1),
        Field("n_places", "站点数", "Places", "int", minimum=1),
        Field("members", "成员", "Members", "str"),
        Field("worst", "最强站点", "Worst place", "str"),
        Field("peak_time", "最强时刻", "Peak time", "time"),
        Field("value", "最强时浓度", "Value at the peak", "float"),
        Field("expected", "应有浓度", "Expected", "float"),
        Field("z", "稳健 z 值", "Robust z", "float"),
        _GRADE,
        _FALSE_SHARE,
        Field("unit", "单位", "Unit", "str"),
    ),
    derived=True,
    time_field="start",
)

LEVELS = (
    Choice("0", "无", "None"),
    Choice("1", "低于平均", "Below the mean"),
    Choice("2", "平均至2倍", "1 to 2 times the mean"),
    Choice("3", "2至4倍", "2 to 4 times"),
    Choice("4", "4倍以上", "4 times and more"),
)

POINT_DENSITY = LayerSchema(
    "point_density",
    "核密度",
    "Kernel density",
    "polygon",
    (
        Field("cell", "网格编号", "Cell", "str", required=True),
        Field("density_per_km2", "密度", "Density", "float", "km-2", minimum=0),
        Field("standard_error", "标准误", "Standard error", "float", "km-2", minimum=0),
        Field("relative", "与平均之比", "Ratio to the mean", "float", minimum=0),
        Field("level", "等级", "Level", "int", minimum=0, maximum=4, choices=LEVELS),
        Field("n_points", "点数", "Points in the cell", "int", minimum=0),
        Field("inside", "核在界内份额", "Share of the kernel inside", "float", minimum=0, maximum=1),
    ),
    derived=True,
)

ROLES = (
    Choice("core", "核心点", "Core"),
    Choice("border", "边缘点", "Border"),
    Choice("noise", "零散点", "Scattered"),
)

CLUSTER_POINTS = LayerSchema(
    "cluster_points",
    "点群成员",
    "Points of clusters",
    "any",
    (
        Field("cluster", "点群编号", "Cluster", "int", minimum=1),
        Field("role", "角色", "Role", "str", choices=ROLES),
    ),
    derived=True,
    free=True,
)

POINT_CLUSTERS = LayerSchema(
    "point_clusters",
    "点群",
    "Clusters of points",
    "polygon",
    (
        Field("cluster", "点群编号", "Cluster", "int", minimum=1),
        Field("n_points", "点数", "Points", "int", minimum=1),
        Field("n_core", "核心点数", "Core points", "int", minimum=1),
        Field("start", "开始时间", "Start", "time"),
        Field("end", "结束时间", "End", "time"),
        Field("hours", "持续小时", "Hours", "float", "h", minimum=0),
        Field("radius_km", "半径", "Radius", "float", "km", minimum=0),
        Field("weight", "累计值", "Sum", "float"),
        Field("weight_column", "累计的字段", "Column that is summed", "str"),
    ),
    derived=True,
    time_field="start",
)

STATES = (
    Choice("bubbling", "冒泡", "Bubbling this hour"),
    Choice("worst", "本月最差", "Worst of the month"),
    Choice("rising", "升幅最大", "Rising most"),
    Choice("ordinary", "一般", "Ordinary"),
    Choice("few_hours", "数据不足", "Too few hours"),
)
SOURCES = (
    Choice("station", "国省控等站点", "Stations"),
    Choice("micro", "微站", "Micro-stations"),
    Choice("mobile", "走航", "Mobile runs"),
    Choice("satellite", "卫星", "Satellites"),
)

HOT_GRID = LayerSchema(
    "hot_grid",
    "热点网格",
    "Hot grid",
    "polygon",
    (
        Field("cell", "网格编号", "Cell", "str", required=True),
        Field("state", "状态", "State", "str", choices=STATES),
        Field("rank", "月均排名", "Rank by mean, 1 the worst", "int", minimum=1),
        Field("mean", "月均浓度", "Mean of the month", "float"),
        Field("n_hours", "有效小时", "Hours with values", "int", "h", minimum=0),
        Field("share_pct", "有效率", "Share of the hours", "float", "%", minimum=0, maximum=100),
        Field("source", "主要来源", "Source of most hours", "str", choices=SOURCES),
        Field("n_station", "站点数据数", "Values of stations", "int", minimum=0),
        Field("n_micro", "微站数据数", "Values of micro-stations", "int", minimum=0),
        Field("n_mobile", "走航数据数", "Values of mobile runs", "int", minimum=0),
        Field("n_satellite", "卫星数据数", "Values of satellites", "int", minimum=0),
        Field("mean_before", "上月均值", "Mean of the month before", "float"),
        Field("change_pct", "环比", "Change against the month before", "float", "%"),
        Field("rank_change", "环比排名变化", "Ranks worse than the month before", "int"),
        Field("mean_year_before", "去年同月均值", "Mean of that month a year before", "float"),
        Field("change_year_pct", "同比", "Change against the year before", "float", "%"),
        Field("rank_change_year", "同比排名变化", "Ranks worse than the year before", "int"),
        Field("bubbles", "本月冒泡小时", "Bubbling hours of the month", "int", "h", minimum=0),
        Field("value", "本小时浓度", "Value of the hour", "float"),
        Field("neighbours", "周边中位浓度", "Median of the neighbours", "float"),
        Field("z", "稳健 z 值", "Robust z", "float"),
        Field("n_neighbours", "周边网格数", "Neighbours with a value", "int", minimum=0),
        Field("bubble", "本小时冒泡", "Bubbles this hour", "bool"),
        Field("age_h", "数据龄期", "Age of the last value", "float", "h"),
        Field("pollutant", "污染物", "Pollutant", "str"),
        Field("unit", "单位", "Unit", "str"),
        Field("month", "月份", "Month", "str"),
        Field("hour", "小时", "Hour", "time"),
    ),
    derived=True,
)

HOTSPOT_RESULTS = (ALARMS, ALARM_EPISODES, POINT_DENSITY, CLUSTER_POINTS, POINT_CLUSTERS, HOT_GRID)
