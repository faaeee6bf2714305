"""Schemas of who must have a monitor and has none."""

from layers.schema import Choice, Field, LayerSchema

LACKING = (
    Choice("monitor", "缺在线监测", "No online monitor"),
    Choice("video", "缺视频监控", "No video"),
    Choice("both", "两者都缺", "Neither"),
)

UNMONITORED_SITES = LayerSchema(
    "unmonitored_sites",
    "未落实监控的大型工地",
    "Large sites without monitor or video",
    "point_or_polygon",
    (
        Field("name", "工地名称", "Name", "str"),
        Field("area_m2", "占地面积", "Area", "float", "m2", minimum=0),
        Field("stage", "施工阶段", "Stage", "str"),
        Field("lacking", "缺项", "Lacking", "str", choices=LACKING),
        Field("reason", "理由", "Reason", "str"),
        Field("valid_from", "台账起始日期", "Valid from", "date"),
        Field("valid_to", "台账截止日期", "Valid to", "date"),
        Field("district", "区县", "District", "str"),
    ),
    derived=True,
)

UNMONITORED_STACKS = LayerSchema(
    "unmonitored_stacks",
    "未装在线监测的高架源",
    "Elevated sources without monitor",
    "point",
    (
        Field("id", "排口编号", "Id", "str"),
        Field("name", "企业名称", "Name", "str"),
        Field("industry", "行业", "Industry", "str"),
        Field("stack_height_m", "排气口高度", "Stack height", "float", "m", minimum=0),
        Field("reason", "理由", "Reason", "str"),
        Field("district", "区县", "District", "str"),
    ),
    derived=True,
)
