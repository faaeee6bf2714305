"""Schemas of the ledgers that a heavy-pollution warning needs: emission sources, and townships."""

from layers.ledgers import DISTRICT, ONLINE_MONITOR
from layers.response_results import GRADES
from layers.schema import Field, LayerSchema

_TON_UNITS = {"吨/年": 1.0, "吨": 1.0, "t": 1.0, "kg/a": 0.001, "千克/年": 0.001, "公斤/年": 0.001}


def _tons(name: str, title: str, *synonyms: str) -> Field:
    return Field(
        f"{name}_t_a",
        f"{title}排放量",
        f"{title} emission",
        "float",
        "t/a",
        minimum=0,
        synonyms=(title, f"{title}年排放量", *synonyms),
        units=_TON_UNITS,
    )


def _own_cut(colour: str, title_zh: str, title_en: str) -> tuple[Field, Field]:
    return (
        Field(
            f"cut_{colour}_pct",
            f"{title_zh}预警减排比例",
            f"Cut at {title_en}",
            "float",
            "%",
            minimum=0,
            maximum=100,
            synonyms=(f"{title_zh}减排比例",),
        ),
        Field(
            f"measure_{colour}",
            f"{title_zh}预警减排措施",
            f"Measure at {title_en}",
            "str",
            synonyms=(f"{title_zh}减排措施", f"{title_zh}措施"),
        ),
    )


EMISSION_SOURCES = LayerSchema(
    "emission_sources",
    "排放源",
    "Emission sources",
    "point",
    (
        Field(
            "id",
            "编号",
            "Id",
            "str",
            synonyms=("排口编号", "排放口编号", "企业编号", "排污许可证编号", "统一社会信用代码", "source_id"),
        ),
        Field(
            "name",
            "企业名称",
            "Name",
            "str",
            required=True,
            synonyms=("名称", "单位名称", "排污单位", "污染源名称", "企业"),
        ),
        Field("industry", "行业", "Industry", "str", synonyms=("行业类别", "所属行业", "行业名称")),
        Field(
            "grade",
            "绩效等级",
            "Performance grade",
            "str",
            choices=GRADES,
            synonyms=("绩效分级", "绩效级别", "环保绩效等级", "等级"),
        ),
        Field("exempt", "豁免", "Exempt", "bool", synonyms=("是否豁免", "豁免企业", "保障类", "是否保障类")),
        Field(
            "stack_height_m",
            "排气筒高度",
            "Stack height",
            "float",
            "m",
            minimum=0,
            maximum=500,
            synonyms=("烟囱高度", "排气口高度", "排放口高度"),
            units={"米": 1.0},
        ),
        _tons("so2", "SO2", "二氧化硫", "二氧化硫排放量"),
        _tons("nox", "NOx", "氮氧化物", "氮氧化物排放量"),
        _tons("pm", "PM", "颗粒物", "颗粒物排放量", "烟粉尘", "烟尘"),
        _tons("vocs", "VOCs", "挥发性有机物", "挥发性有机物排放量", "VOC"),
        *_own_cut("yellow", "黄色", "yellow"),
        *_own_cut("orange", "橙色", "orange"),
        *_own_cut("red", "红色", "red"),
        ONLINE_MONITOR,
        DISTRICT,
        Field("contact", "联系人", "Contact", "str", synonyms=("负责人", "联系方式")),
        Field("phone", "电话", "Phone", "str", synonyms=("联系电话", "手机")),
        Field("address", "地址", "Address", "str", synonyms=("企业地址", "详细地址")),
    ),
    identity=("id",),
)

TOWNSHIPS = LayerSchema(
    "townships",
    "乡镇街道",
    "Townships",
    "polygon",
    (
        Field("name", "名称", "Name", "str", required=True, synonyms=("乡镇", "街道", "镇街", "乡镇名称", "township")),
        Field("adcode", "行政区划代码", "Administrative code", "str", synonyms=("区划代码", "code")),
        DISTRICT,
    ),
    identity=("name", "adcode"),
)

RESPONSE_LEDGERS = (TOWNSHIPS, EMISSION_SOURCES)
