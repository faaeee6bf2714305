"""What the legend says about one layer: a symbol and its meaning in Chinese and English."""

from dataclasses import dataclass

from web_map.raster_image import KELVIN_STOPS, MASK_COLOURS
from web_map.symbols import LayerStyle, Symbol

_MASK_TITLES = {
    4: ("云", "Cloud"),
    7: ("火点掩膜：低置信", "Fire mask: low confidence"),
    8: ("火点掩膜：中置信", "Fire mask: nominal confidence"),
    9: ("火点掩膜：高置信，或 1 = 火点", "Fire mask: high confidence, or 1 = fire"),
}


@dataclass(frozen=True)
class LegendEntry:
    """One line of the legend."""

    symbol: Symbol
    title_zh: str
    title_en: str


def legend_entries(style: LayerStyle, title_zh: str, title_en: str) -> list[LegendEntry]:
    """Return the lines that explain a layer.

    Parameters
    ----------
    style : LayerStyle
        The layer's style. An ordinal style has one line per value present, which only the browser knows: it gets
        no line here.
    title_zh, title_en : str
        The layer's own titles, used where one symbol stands for the whole layer.

    Returns
    -------
    list of LegendEntry
        In the order of the style's cases; two cases that look and read the same are one line.
    """
    if style.ordinal is not None:
        return []
    if style.symbol.shape == "image":
        return [LegendEntry(style.symbol, f"{title_zh}范围", f"{title_en}: extent"), *_raster_entries()]
    if not style.cases:
        return [LegendEntry(style.symbol, title_zh, title_en)]
    entries = [LegendEntry(case.symbol, case.title_zh, case.title_en) for case in style.cases]
    return list(dict.fromkeys(entries))


def _raster_entries() -> list[LegendEntry]:
    stops = [
        LegendEntry(_patch(red, green, blue, alpha), f"亮温 {kelvin:.0f} K", f"Brightness temperature {kelvin:.0f} K")
        for kelvin, red, green, blue, alpha in KELVIN_STOPS
        if alpha
    ]
    return [*stops, *(LegendEntry(_patch(*MASK_COLOURS[value]), *titles) for value, titles in _MASK_TITLES.items())]


def _patch(red: int, green: int, blue: int, alpha: int) -> Symbol:
    colour = f"#{red:02x}{green:02x}{blue:02x}"
    return Symbol("square", fill=colour, stroke="#888888", size=7, weight=0.5, fill_opacity=round(alpha / 255, 2))
