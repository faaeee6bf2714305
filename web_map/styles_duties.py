"""Styles of emission sources, and of who must have a monitor and has none."""

from dataclasses import replace

from web_map.symbols import Case, LayerStyle, Symbol

_SOURCE = Symbol("stack", fill="#7d8791", stroke="#22282e", size=8)
_SITE = Symbol("square", fill="#d7301f", stroke="#4d0d06", size=8.5, weight=2.5, text_colour="#ffffff")
_STACK = Symbol("stack", fill="#d7301f", stroke="#4d0d06", size=9.5, weight=2.5, text="!", text_colour="#ffffff")


def _grade_cases() -> tuple[Case, ...]:
    colours = {"A": "#cfe8cf", "B": "#d9d9d9", "C": "#f3c98b", "D": "#e08a7a"}
    cases = [
        Case(letter, replace(_SOURCE, fill=colour, text=letter), f"绩效{letter}级", f"Grade {letter}")
        for letter, colour in colours.items()
    ]
    return (*cases, Case("", _SOURCE, "未定级", "No grade"))


def _lacking_cases() -> tuple[Case, ...]:
    return (
        Case("both", replace(_SITE, text="!!"), "!! 缺监测和视频", "!! Neither monitor nor video"),
        Case("monitor", replace(_SITE, text="测", fill="#b35806"), "缺在线监测", "No online monitor"),
        Case("video", replace(_SITE, text="视", fill="#8073ac"), "缺视频监控", "No video"),
    )


DUTY_STYLES = (
    LayerStyle("emission_sources", "sources", 54, _SOURCE, by="grade", cases=_grade_cases(), label="name"),
    LayerStyle("unmonitored_sites", "zones", 56, _SITE, by="lacking", cases=_lacking_cases(), label="name"),
    LayerStyle("unmonitored_stacks", "zones", 57, _STACK, label="name"),
)
