"""Schemas of who must have a monitor and has none, and of the emission sources that this is asked of."""

from layers.ledgers import DISTRICT, ONLINE_MONITOR
from layers.schema import Choice, Field, LayerSchema

_GRADES = tuple(Choice(letter, f"{letter}级", f"Grade {letter}", (f"{letter}类",)) for letter in "ABCD")
_TONNES = {"吨/年": 1.0, "吨": 1.0, "千克/年": 0.001}


def _emission(name: str, zh: str, en: str) -> Field:
    return Field(f"{name}_t_a", f"{zh}排放量", f"{en} emission", "float", "t/a", minimum=0, units=_TONNES)


EMISSION_SOURCES = LayerSchema(
    "emission_sources",
    "固定污染源",
    "Emission sources",
    "point",
    (
        Field("id", "排口编号", "Id", "str", synonyms=("编号", "排放口编号", "排污许可证编号")),
        Field("name", "企业名称", "Name", "str", required=True, synonyms=("名称", "单位名称", "污染源名称")),
        Field("industry", "行业", "Industry", "str", synonyms=("行业类别", "所属行业")),
        Field("grade", "绩效分级", "Performance grade", "str", choices=_GRADES, synonyms=("绩效等级", "级别")),
        Field("exempt", "豁免企业", "Exempt", "bool", synonyms=("是否豁免", "豁免")),
        Field(
            "stack_height_m",
            "排气口高度",
            "Stack height",
            "float",
            "m",
            minimum=0,
            maximum=500,
            synonyms=("烟囱高度", "排气筒高度", "排放口高度"),
            units={"米": 1.0},
        ),
        _emission("so2", "SO2", "SO2"),
        _emission("nox", "NOx", "NOx"),
        _emission("pm", "颗粒物", "Particulate"),
        _emission("voc", "VOCs", "VOC"),
        ONLINE_MONITOR,
        DISTRICT,
    ),
    identity=("id",),
)

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
