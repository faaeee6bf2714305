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


def _density_cases() -> tuple[Case, ...]:
    cell = Symbol("area", fill="#ffffff", stroke="#a8a29a", weight=0.4, dash="1 4", fill_opacity=0.05)
    return (
        Case("0", cell, "密度：无", "Density: none"),
        Case("1", replace(cell, fill="#fee8c8", dash="2 4", fill_opacity=0.35), "低于平均", "Below the mean"),
        Case("2", replace(cell, fill="#fdbb84", dash="5 4", fill_opacity=0.5), "平均至2倍", "1 to 2 times the mean"),
        Case("3", replace(cell, fill="#e34a33", dash="9 3", fill_opacity=0.6), "2至4倍", "2 to 4 times"),
        Case(
            "4",
            replace(cell, fill="#7f0000", dash="", weight=1.2, fill_opacity=0.7),
            "4倍以上（实线）",
            "4 times and more (solid)",
        ),
    )


def _role_cases() -> tuple[Case, ...]:
    sign = Symbol("circle", fill="#6a3d9a", stroke="#2d1745", size=5)
    return (
        Case("core", sign, "点群核心点", "Core of a cluster"),
        Case("border", replace(sign, shape="diamond", fill="#cab2d6"), "点群边缘点", "Border of a cluster"),
        Case("noise", replace(sign, shape="plus", fill="#8c8c8c", size=4), "零散点", "Scattered"),
    )


def _grid_cases() -> tuple[Case, ...]:
    cell = Symbol("area", fill="#b2182b", stroke="#7f0d1c", weight=2.5, fill_opacity=0.45)
    plain = replace(cell, fill="#d9d9d9", stroke="#8c8c8c", weight=0.8, fill_opacity=0.15, dash="2 3")
    return (
        Case("bubbling", cell, "冒泡网格（实线）", "Bubbling cell (solid)"),
        Case(
            "worst",
            replace(cell, fill="#ef8a62", stroke="#b5541f", dash="9 4", fill_opacity=0.35),
            "本月最差（虚线）",
            "Worst of the month (dashed)",
        ),
        Case(
            "rising",
            replace(cell, fill="#f0d048", stroke="#8a6d00", dash="9 3 2 3", fill_opacity=0.3),
            "升幅最大（点划线）",
            "Rising most (dash-dotted)",
        ),
        Case("ordinary", plain, "一般（点线）", "Ordinary (dotted)"),
        Case(
            "few_hours",
            replace(plain, fill="#ffffff", dash="1 5", fill_opacity=0.05),
            "数据不足（疏点线）",
            "Too few hours (sparse dots)",
        ),
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
    LayerStyle(
        "point_density",
        "tracing",
        16,
        _density_cases()[0].symbol,
        by="level",
        cases=_density_cases(),
        label="cell",
    ),
    LayerStyle(
        "cluster_points",
        "tracing",
        71,
        _role_cases()[2].symbol,
        by="role",
        cases=_role_cases(),
        label="cluster",
    ),
    LayerStyle(
        "point_clusters",
        "tracing",
        43,
        Symbol("area", fill="#6a3d9a", stroke="#2d1745", weight=2, dash="6 3 1 3", fill_opacity=0.1),
        label="cluster",
    ),
    LayerStyle(
        "hot_grid",
        "tracing",
        17,
        _grid_cases()[3].symbol,
        by="state",
        cases=_grid_cases(),
        label="cell",
    ),
)
