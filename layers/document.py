"""docs/layers.md out of the catalogue: ``python -m layers.document docs/layers.md``."""

import sys
from pathlib import Path

from layers.catalogue import SCHEMAS
from layers.schema import Field, LayerSchema
from layers.template import limits

_HEAD = """# 图层 Layers

Made from the catalogue by `python -m layers.document docs/layers.md`; do not edit by hand.
由图层目录自动生成，请勿手工修改。

Each layer has one declared schema. Headers are recognised by the name, the titles or the other spellings (case, width,
spaces and punctuation do not matter); a unit in the header's brackets is converted to the unit given here.
`suyuan layers template LAYER` makes the empty Excel sheet. Coordinates in the store are longitude and latitude on
WGS 84; times are UTC, dates are the city's days.

"""
_GEOMETRY = {
    "point": "点 point",
    "line": "线 line",
    "polygon": "面 polygon",
    "point_or_polygon": "点或面 point or polygon",
    "any": "任意 any",
}
_TYPE = {"str": "文字 text", "int": "整数 whole", "float": "数字 number", "bool": "是否 yes/no", "time": "时间 time"}
_TYPE["date"] = "日期 date"
_COLUMNS = (
    "| 字段 Field | 名称 Title | 类型 Type | 单位 Unit | 必填 Required "
    "| 范围或可选值 Range or choices | 也认作 Also read |"
)


def document() -> str:
    """Return the page: ledgers first, then what Suyuan makes, each with its fields."""
    made = {
        "城市台账与卫星数据 Ledgers and satellite data": [s for s in SCHEMAS.values() if not s.derived],
        "平台计算的图层 Layers that Suyuan makes": [s for s in SCHEMAS.values() if s.derived],
    }
    parts = [f"## {title}\n\n" + "\n".join(map(_section, schemas)) for title, schemas in made.items()]
    return _HEAD + "\n".join(parts)


def _section(schema: LayerSchema) -> str:
    about = [f"Geometry 几何: {_GEOMETRY[schema.geometry]}."]
    if schema.identity:
        names = ", ".join(f"`{name}`" for name in schema.identity)
        about.append(f"Features with the same {names} are the same feature 同一编号视为同一对象.")
    if schema.time_field:
        about.append(f"Time 时间: `{schema.time_field}`.")
    if schema.free:
        about.append("A result also keeps the columns of its source 结果保留来源的其他列.")
    rows = [_row(field) for field in schema.fields]
    table = "\n".join((_COLUMNS, "|" + " --- |" * 7, *rows))
    return f"### `{schema.id}` {schema.title_zh} {schema.title_en}\n\n{' '.join(about)}\n\n{table}\n"


def _row(field: Field) -> str:
    options = "; ".join(f"`{choice.value}` {choice.title_zh}" for choice in field.choices or ())
    cells = (
        f"`{field.name}`",
        f"{field.title_zh} {field.title_en}",
        _TYPE[field.dtype],
        " ".join(filter(None, (field.unit, _units(field)))),
        "是 yes" if field.required else "",
        options or limits(field),
        "、".join(field.synonyms),
    )
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _units(field: Field) -> str:
    others = [name for name, factor in field.units.items() if factor != 1.0]
    return f"({', '.join(f'{name} × {field.units[name]:g}' for name in others)})" if others else ""


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(document(), encoding="utf-8")
