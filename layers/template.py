"""The empty Excel sheet that a clerk fills in: made from a layer's schema, taken back by `layers add`."""

import io
import os
import secrets
from importlib.resources import files
from pathlib import Path

import openpyxl
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.workbook.workbook import Workbook
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from geo.errors import InvalidInput, SourceUnavailable
from layers.catalogue import get_schema
from layers.schema import Field, LayerSchema

# Tables that come with the program and that a city changes: written out as they are.
TABLES = {
    "warning_rules": "warning_rules.json",
    "reduction_measures": "reduction_measures.csv",
    "substances": "substances.csv",
}
ROWS = 5000
REQUIRED_SIGN = "*"

_FILL = PatternFill("solid", start_color="DDEBF7")
_YES_NO = ("是", "否")
_LON_LAT = (
    Field("lon", "经度", "Longitude", "str", unit="°", required=True),
    Field("lat", "纬度", "Latitude", "str", unit="°", required=True),
)
_WKT = (Field("wkt", "wkt", "Geometry", "str", required=True),)
_PLACE_HELP = {
    "lon": (
        "十进制度或度分秒（119°12'30\"E）；高斯-克吕格坐标填横坐标（米）",
        "degrees, or degrees, minutes, seconds; or metres",
    ),
    "lat": (
        "十进制度或度分秒（34°35'20\"N）；高斯-克吕格坐标填纵坐标（米）",
        "degrees, or degrees, minutes, seconds; or metres",
    ),
    "wkt": ("WKT 文本；面和线最好用 GIS 文件入库", "WKT text; areas and lines are better added from a GIS file"),
}
_TYPES = {
    "str": ("文字", "text"),
    "int": ("整数", "whole number"),
    "float": ("数字", "number"),
    "bool": ("是或否", "yes or no"),
    "time": ("时间，如 2021-11-01 08:00（北京时间）", "time, China time"),
    "date": ("日期，如 2021-11-01", "date"),
}
_EXPLAINED = (
    "列",
    "Column",
    "必填 Required",
    "填什么 Content",
    "单位 Unit",
    "范围 Range",
    "可选值 Choices",
    "也认作 Also read",
)


def write_template(layer: str, path: str | Path) -> Path:
    """Write the empty Excel template of a layer, or a table of the program to change (`TABLES`) as it is.

    The first sheet has one column per field, named in Chinese with its unit, required ones marked with an asterisk,
    choices as drop-down lists and ranges as rules; points have 经度 and 纬度, other geometries WKT. The second sheet
    explains each column.

    Parameters
    ----------
    layer : str
    path : path
        An ``.xlsx`` file that is not there yet: a template never replaces one that may be filled in.

    Returns
    -------
    Path

    Raises
    ------
    UnknownLayer, InvalidInput
        No such layer, one that Suyuan makes itself or that comes as rasters; another extension; a file that is there.
    SourceUnavailable
        The file cannot be written.
    """
    path = Path(path)
    suffix = Path(TABLES[layer]).suffix if layer in TABLES else ".xlsx"
    if path.suffix.lower() != suffix:
        kind = "an Excel file" if suffix == ".xlsx" else f"{TABLES[layer]} as it comes with the program"
        raise InvalidInput(f"{path.name}: this template is {kind}; name it {suffix}")
    content = (files("layers") / TABLES[layer]).read_bytes() if layer in TABLES else template_bytes(layer)
    part = path.with_name(f".writing-{os.getpid()}-{secrets.token_hex(4)}{suffix}")
    try:
        part.write_bytes(content)
        os.link(part, path)
    except FileExistsError as error:
        raise InvalidInput(f"{path} is there already and may be filled in; give another name") from error
    except OSError as error:
        raise SourceUnavailable(f"cannot write {path}: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    return path


def template_bytes(layer: str) -> bytes:
    """Return the template as the bytes of an ``.xlsx`` file; see `write_template`."""
    columns = template_fields(get_schema(layer))
    book = openpyxl.Workbook()
    sheet = book.active
    if not isinstance(sheet, Worksheet):
        raise InvalidInput(f"no sheet for {layer}")
    _fill_in(sheet, get_schema(layer), columns)
    _explain(book, columns)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def template_fields(schema: LayerSchema) -> tuple[Field, ...]:
    """Return the template's columns in order: the schema's fields, then where the feature lies.

    Raises
    ------
    InvalidInput
        The layer is made by Suyuan itself or comes as rasters.
    """
    if schema.derived or schema.kind == "raster":
        what = "is made by Suyuan from other layers" if schema.derived else "comes as satellite files"
        raise InvalidInput(f"layer {schema.id} {what}: it has no template")
    place = _LON_LAT if schema.geometry in ("point", "point_or_polygon") else _WKT
    return (*schema.fields, *place)


def header(field: Field) -> str:
    """Return a column's heading: title, unit in brackets, an asterisk if it is required."""
    unit = f"（{field.unit}）" if field.unit else ""
    return f"{field.title_zh}{unit}{REQUIRED_SIGN if field.required else ''}"


def _fill_in(sheet: Worksheet, schema: LayerSchema, columns: tuple[Field, ...]) -> None:
    sheet.title = schema.title_zh
    sheet.freeze_panes = "A2"
    for number, field in enumerate(columns, start=1):
        letter = get_column_letter(number)
        cell = sheet.cell(row=1, column=number, value=header(field))
        cell.font, cell.fill = Font(bold=field.required), _FILL
        cell.alignment = Alignment(horizontal="center")
        cell.comment = Comment(_hint(field), "Suyuan")
        sheet.column_dimensions[letter].width = max(12, 2.2 * len(header(field)))
        # Excel makes 0012 a 12 and 1-2 a date wherever a column is not text.
        sheet.column_dimensions[letter].number_format = _FORMATS.get(field.dtype, "General")
        rule = _rule(field)
        if rule is not None:
            rule.add(f"{letter}2:{letter}{ROWS}")
            sheet.add_data_validation(rule)


_FORMATS = {"str": "@", "date": "yyyy-mm-dd", "time": "yyyy-mm-dd hh:mm"}


def _rule(field: Field) -> DataValidation | None:
    """Return what the sheet enforces: one of the choices, or a number within the range."""
    listed = choices(field)
    if listed:
        rule = DataValidation(type="list", formula1=f'"{",".join(listed)}"', allow_blank=not field.required)
        rule.error = f"请从列表中选择：{'、'.join(listed)}"
    elif field.dtype in ("int", "float") and (field.minimum is not None or field.maximum is not None):
        rule = DataValidation(type="whole" if field.dtype == "int" else "decimal", allow_blank=not field.required)
        low, high = field.minimum, field.maximum
        rule.operator = (
            "between" if None not in (low, high) else "greaterThanOrEqual" if high is None else "lessThanOrEqual"
        )
        rule.formula1 = f"{(high if low is None else low):g}"
        rule.formula2 = f"{high:g}" if rule.operator == "between" else None
        rule.error = f"允许的范围：{limits(field)}"
    else:
        return None
    rule.errorTitle, rule.showErrorMessage = field.title_zh, True
    return rule


def choices(field: Field) -> tuple[str, ...]:
    """Return what the drop-down list offers: titles of the choices, yes and no, or nothing."""
    if field.choices:
        return tuple(choice.title_zh for choice in field.choices)
    return _YES_NO if field.dtype == "bool" else ()


def limits(field: Field) -> str:
    """Return the allowed range as text such as "0 - 100 %", empty where there is none."""
    unit = f" {field.unit}" if field.unit else ""
    if field.minimum is None and field.maximum is None:
        return ""
    if field.maximum is None:
        return f"≥ {field.minimum:g}{unit}"
    return f"≤ {field.maximum:g}{unit}" if field.minimum is None else f"{field.minimum:g} - {field.maximum:g}{unit}"


def _hint(field: Field) -> str:
    zh, en = _PLACE_HELP.get(field.name, _TYPES[field.dtype])
    parts = (field.title_en, "必填 required" if field.required else "", zh, en, limits(field))
    return "\n".join(part for part in parts if part)


def _explain(book: Workbook, columns: tuple[Field, ...]) -> None:
    sheet = book.create_sheet("填写说明")
    sheet.append(list(_EXPLAINED))
    for field in columns:
        zh, en = _PLACE_HELP.get(field.name, _TYPES[field.dtype])
        options = "；".join(f"{c.title_zh} {c.title_en}" for c in field.choices or ())
        sheet.append(
            [
                field.title_zh,
                f"{field.title_en} ({field.name})",
                "是 yes" if field.required else "否 no",
                f"{zh} · {en}",
                field.unit or "",
                limits(field),
                options or "、".join(choices(field)),
                "、".join(field.synonyms),
            ]
        )
    for number, width in enumerate((18, 34, 14, 44, 14, 16, 44, 60), start=1):
        sheet.column_dimensions[get_column_letter(number)].width = width
    for cell in sheet[1]:
        cell.font, cell.fill = Font(bold=True), _FILL
    sheet.freeze_panes = "A2"
