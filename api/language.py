"""Which of the two languages a request asks for, and the words of checks that pydantic makes."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from api.translation import chinese

Language = Literal["zh", "en"]


def preferred(accept_language: str | None) -> Language | None:
    """Return the language that an Accept-Language header prefers; None if it names neither Chinese nor English."""
    best: tuple[float, Language] | None = None
    for part in (accept_language or "").split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        language: Language | None = "zh" if name.startswith("zh") else "en" if name.startswith("en") else None
        weight = _weight(parameters)
        if language is not None and weight > 0 and (best is None or weight > best[0]):
            best = (weight, language)
    return None if best is None else best[1]


def terminal_language(words: Sequence[str]) -> Language:
    """Return the language of a command: what `--lang` says, else the terminal's; English where that is neither."""
    for place, word in enumerate(words):
        name, _, value = word.partition("=")
        if name == "--lang":
            return "zh" if "zh" in (value, *words[place + 1 : place + 2]) else "en"
    # In the order in which programs look at them.
    chosen = next(filter(None, (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return "zh" if chosen.lower().startswith("zh") else "en"


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0


_ALLOWED_ZH = {
    "missing": "必须填写",
    "extra_forbidden": "没有这个输入",
    "greater_than_equal": "应不小于 {ge}",
    "greater_than": "应大于 {gt}",
    "less_than_equal": "应不大于 {le}",
    "less_than": "应小于 {lt}",
    "literal_error": "只能是 {expected}",
    "too_short": "至少 {min_length} 项",
    "too_long": "至多 {max_length} 项",
    "string_too_short": "至少 {min_length} 个字",
    "string_too_long": "至多 {max_length} 个字",
    "string_pattern_mismatch": "应符合 {pattern}",
    "string_unicode": "应为 Unicode 文字",
    "enum": "只能是 {expected}",
    "dict_type": "应为对象",
    "model_type": "应为对象",
    "model_attributes_type": "应为对象",
    "json_invalid": "应为 JSON：{error}",
    "json_type": "应为 JSON",
    "int_parsing_size": "整数太大",
    "multiple_of": "应为 {multiple_of} 的倍数",
    "path_type": "应为路径",
    "datetime_object_invalid": "应为时间，例如 2025-01-15T08:00:00Z",
    "date_from_datetime_inexact": "应为日期，例如 2025-01-15",
    "float_parsing": "应为数字",
    "float_type": "应为数字",
    "finite_number": "应为有限的数字",
    "int_parsing": "应为整数",
    "int_type": "应为整数",
    "int_from_float": "应为整数",
    "bool_parsing": "应为 true 或 false",
    "bool_type": "应为 true 或 false",
    "string_type": "应为文字",
    "tuple_type": "应为列表",
    "list_type": "应为列表",
    "datetime_parsing": "应为时间，例如 2025-01-15T08:00:00Z",
    "datetime_from_date_parsing": "应为时间，例如 2025-01-15T08:00:00Z",
    "datetime_type": "应为时间，例如 2025-01-15T08:00:00Z",
    "date_parsing": "应为日期，例如 2025-01-15",
    "date_from_datetime_parsing": "应为日期，例如 2025-01-15",
    "date_type": "应为日期，例如 2025-01-15",
}


def allowed_zh(kind: str, context: Mapping[str, Any], english: str) -> str:
    """Return in Chinese what a check allows; the English text where there is no Chinese one."""
    text = _ALLOWED_ZH.get(kind)
    if text is None:
        return chinese(english.removeprefix("Value error, ")) or english
    return text.format(**{"ge": "", "gt": "", "le": "", "lt": ""} | dict(context))
