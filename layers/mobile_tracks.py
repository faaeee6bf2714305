"""Schema of mobile monitoring runs: a point for each value that a vehicle measured."""

from layers.schema import Field, LayerSchema

MOBILE_TRACKS = LayerSchema(
    "mobile_tracks",
    "走航监测",
    "Mobile monitoring runs",
    "point",
    (
        Field(
            "run", "走航编号", "Run", "str", synonyms=("走航批次", "批次", "车次", "车牌号", "车辆", "vehicle", "track")
        ),
        Field(
            "time",
            "监测时间",
            "Time",
            "time",
            required=True,
            synonyms=("时间", "采样时间", "日期时间", "观测时间", "datetime", "timestamp"),
        ),
        Field(
            "pollutant", "污染物", "Pollutant", "str", required=True, synonyms=("监测项目", "项目", "因子", "parameter")
        ),
        Field("value", "浓度", "Value", "float", required=True, synonyms=("监测值", "数值", "值", "concentration")),
        Field("unit", "单位", "Unit", "str", synonyms=("浓度单位",)),
        Field("road", "路段", "Road", "str", synonyms=("道路", "路名", "道路名称", "street")),
        Field("note", "备注", "Note", "str", synonyms=("说明", "remark")),
    ),
    time_field="time",
    identity=("run", "time", "pollutant"),
)
