"""Styles of who must have a monitor and has none."""

from dataclasses import replace

from web_map.symbols import Case, LayerStyle, Symbol

_SITE = Symbol("square", fill="#d7301f", stroke="#4d0d06", size=8.5, weight=2.5, text_colour="#ffffff")
_STACK = Symbol("stack", fill="#d7301f", stroke="#4d0d06", size=9.5, weight=2.5, text="!", text_colour="#ffffff")


def _lacking_cases() -> tuple[Case, ...]:
    return (
        Case("both", replace(_SITE, text="!!"), "!! 缺监测和视频", "!! Neither monitor nor video"),
        Case("monitor", replace(_SITE, text="测", fill="#b35806"), "缺在线监测", "No online monitor"),
        Case("video", replace(_SITE, text="视", fill="#8073ac"), "缺视频监控", "No video"),
    )


DUTY_STYLES = (
    LayerStyle("unmonitored_sites", "zones", 56, _SITE, by="lacking", cases=_lacking_cases(), label="name"),
    LayerStyle("unmonitored_stacks", "zones", 57, _STACK, label="name"),
)
