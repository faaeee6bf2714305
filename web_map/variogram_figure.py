"""The variogram as a small figure: classes of distance as circles, the fitted model as a line, in SVG."""

from html import escape

import numpy as np

from geo.variogram_kernel import Lags, Variogram

WIDTH, HEIGHT = 520, 320
LEFT, RIGHT, TOP, BOTTOM = 70, 16, 34, 48
_TICKS = 5
_MODELS_ZH = {"spherical": "球状", "exponential": "指数", "gaussian": "高斯"}


def variogram_text(variogram: Variogram, unit: str) -> tuple[str, str]:
    """Return the model and its numbers in Chinese and English."""
    squared = f" ({unit})²" if unit else ""
    nugget, sill, reach = (
        f"{variogram.nugget:.3g}",
        f"{variogram.sill:.3g}{squared}",
        f"{variogram.range_m / 1e3:.3g} km",
    )
    return (
        f"{_MODELS_ZH[variogram.model]}模型，块金 {nugget}，基台 {sill}，实际变程 {reach}",
        f"{variogram.model} model, nugget {nugget}, sill {sill}, practical range {reach}",
    )


def variogram_svg(lags: Lags, variogram: Variogram, unit: str) -> str:
    """Return the figure; the area of a circle grows with the pairs behind it."""
    far = float(lags.distance_m.max()) * 1.05
    high = max(float(lags.semivariance.max()), variogram.sill) * 1.1

    def x(distance_m: float) -> float:
        return LEFT + distance_m / far * (WIDTH - LEFT - RIGHT)

    def y(semivariance: float) -> float:
        return HEIGHT - BOTTOM - semivariance / high * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<path d="M{LEFT},{TOP} V{HEIGHT - BOTTOM} H{WIDTH - RIGHT}" fill="none" stroke="#333333"/>',
        _text(WIDTH / 2, 16, variogram_text(variogram, unit)[0], "middle"),
        _text(WIDTH / 2, 30, variogram_text(variogram, unit)[1], "middle"),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, "距离 distance, km", "middle"),
        _text(6, TOP - 6, "半方差 γ", "start"),
    ]
    for share in np.linspace(0.0, 1.0, _TICKS):
        parts.append(_text(x(share * far), HEIGHT - BOTTOM + 16, f"{share * far / 1000.0:.3g}", "middle"))
        parts.append(_text(LEFT - 6, y(share * high) + 4, f"{share * high:.3g}", "end"))
    distances = np.linspace(far / 400.0, far, 200)
    line = " ".join(f"{x(d):.1f},{y(g):.1f}" for d, g in zip(distances, variogram.at(distances), strict=True))
    parts.append(f'<polyline points="{line}" fill="none" stroke="#1b3f9c" stroke-width="2"/>')
    most = float(lags.pairs.max())
    for distance, gamma, pairs in zip(*lags, strict=True):
        radius = 2.0 + 5.0 * np.sqrt(pairs / most)
        parts.append(
            f'<circle cx="{x(distance):.1f}" cy="{y(gamma):.1f}" r="{radius:.1f}" fill="#ffffff" stroke="#b2182b" '
            f'stroke-width="1.5"><title>{pairs} pairs</title></circle>'
        )
    body = "\n".join(parts)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">\n{body}\n</svg>\n'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    style = 'font-family="sans-serif" font-size="12" fill="#222222"'
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {style}>{escape(text)}</text>'
