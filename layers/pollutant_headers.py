"""Which pollutant and averaging time a header or a text names, in Chinese or English."""

import re
from collections.abc import Iterable

from geo.errors import InvalidInput
from layers.observation_columns import SUFFIX
from layers.schema import key, split_unit

Item = tuple[str, str | None]
"""A pollutant and what is said of its averaging time: "1h", "8h", "24h", "8h24h" or nothing."""

_CHINESE = {
    "细颗粒物": "pm25",
    "可吸入颗粒物": "pm10",
    "二氧化硫": "so2",
    "二氧化氮": "no2",
    "一氧化碳": "co",
    "臭氧": "o3",
    "小时": "h",
    "滑动平均": "",
    "日最大": "",
    "最大": "",
    "平均": "",
    "浓度": "",
}
_ITEM = re.compile(r"(pm25|pm10|so2|no2|co|o3)(8h24h|24h|8h|1h)?")
# What each column of the index is made from, by averaging time in the header, the better one first.
SOURCES: dict[str, dict[str, tuple[Item, ...]]] = {
    "daily": {
        **{name: ((name, "24h"), (name, None)) for name in ("pm25", "pm10", "so2", "no2", "co")},
        "o3_8h": (("o3", "8h24h"), ("o3", "8h")),
        "o3_1h": (("o3", "1h"), ("o3", "24h")),
    },
    "hourly": {
        **{name: ((name, "1h"), (name, None)) for name in ("pm25", "pm10", "so2", "no2", "co", "o3")},
        "so2_24h": (("so2", "24h"),),
        "o3_8h": (("o3", "8h"),),
    },
}


def item_of(text: str) -> Item | None:
    """Return the pollutant and averaging time that a header such as "O3_8h(μg/m³)" names; None where it names none."""
    plain = SUFFIX.sub("", split_unit(text)[0])
    for chinese, short in _CHINESE.items():
        plain = plain.replace(chinese, short)
    match = _ITEM.fullmatch(key(plain))
    return (match[1], match[2]) if match else None


def names_item(text: str) -> bool:
    """Return whether a text begins like an averaging time rather than a unit, as in "O3(8h)"."""
    return _ITEM.match(key(text)) is not None


def items_of(headers: Iterable[object], name: str) -> dict[Item, str]:
    """Return which header of a table holds which pollutant and averaging time.

    Raises
    ------
    InvalidInput
        Two headers for one of them.
    """
    found: dict[Item, str] = {}
    for header in map(str, headers):
        item = item_of(header)
        if item is None:
            continue
        if item in found:
            raise InvalidInput(f"{name} has two columns for one pollutant: {found[item]!r} and {header!r}; rename one")
        found[item] = header
    return found


def chosen_headers(kind: str, items: dict[Item, str]) -> dict[str, str]:
    """Return for each column of the "daily" or "hourly" index the header that it is made from, the better one."""
    return {
        column: next(items[source] for source in sources if source in items)
        for column, sources in SOURCES[kind].items()
        if any(source in items for source in sources)
    }
