"""Styles of alarms, episodes, density, clusters and the hot grid."""

from dataclasses import replace

from web_map.symbols import Case, LayerStyle, Symbol


def _alarm_cases() -> tuple[Case, ...]:
    sign = Symbol("triangle", fill="#f4a582", stroke="#5a0b14", size=10, weight=2, text="!", text_colour="#111111")
    dark = replace(sign, text_colour="#ffffff")
    return (
        Case("1", sign, "! 高值报警：关注", "! Alarm: notable"),
        Case("2", replace(dark, fill="#d6604d", size=12, text="!!"), "!! 明显", "!! Strong"),
        Case("3", replace(dark, fill="#b2182b", size=14, text="!!!"), "!!! 突出", "!!! Outstanding"),
    )


def _episode_cases() -> tuple[Case, ...]:
    zone = Symbol("area", fill="#b2182b", stroke="#7f0d1c", weight=2, dash="2 5", fill_opacity=0.08)
    return (
        Case("1", zone, "高值过程：关注（点线）", "Episode: notable (dotted)"),
        Case("2", replace(zone, dash="9 6", fill_opacity=0.14), "明显（虚线）", "Strong (dashed)"),
        Case("3", replace(zone, dash="", fill_opacity=0.2), "突出（实线）", "Outstanding (solid)"),
    )


HOTSPOT_STYLES: tuple[LayerStyle, ...] = (
    LayerStyle(
        "alarms",
        "tracing",
        85,
        _alarm_cases()[0].symbol,
        by="grade",
        cases=_alarm_cases(),
        label="name",
        spread=True,
    ),
    LayerStyle(
        "alarm_episodes",
        "tracing",
        44,
        _episode_cases()[0].symbol,
        by="grade",
        cases=_episode_cases(),
        label="episode",
    ),
)
