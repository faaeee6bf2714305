"""Prepare meteorology for the trajectory kernel: terrain-following internal levels and the chosen vertical motion."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo.errors import InvalidInput, MissingData
from tracing import vertical_kernel as kernel
from tracing.met.grid import MetGrid, grid_of, say_period
from tracing.roughness import roughness_on
from tracing.trajectory_kernel import Fields
from tracing.vertical_along import ALONG, check_along, surface_field
from tracing.vertical_columns import (
    DEFAULT_ROUGHNESS_M,
    GRAVITY,
    KAPPA,
    R_DRY,
    Z_TOP_M,
    Columns,
    check_variables,
    columns_at,
    say_nan,
    terrain_height,
)

Vertical = Literal["omega", "isobaric", "isentropic", "density", "isosigma", "divergence", "constant-height"]
VERTICALS: tuple[str, ...] = get_args(Vertical)
# Kept exactly, by finding the surface again after each step; the others are a velocity.
_FOLLOWED = ("isentropic", "constant-height")
_SURFACES = {"isentropic": ("等熵面", "位温"), "constant-height": ("等高面", "海拔高度")}
_BY_TENDENCY = ("isobaric", "density")
_P0 = 100_000.0
# Times that are made while others are used: enough for two cores, little memory.
_AHEAD = 2

Array = NDArray[np.float64]
Field = NDArray[np.float32]


@dataclass(frozen=True)
class Prepared:
    """Meteorology ready for the kernel: fields, their grid, the first time (UTC) and the vertical motion.

    ``along`` holds by column what is told along the path, float32 (time, y, x, level), one level for the ground.
    """

    fields: Fields
    grid: MetGrid
    start: pd.Timestamp
    vertical: str
    along: dict[str, Field] = field(default_factory=dict)


def prepare(
    met: xr.Dataset,
    vertical: str = "omega",
    *,
    top_m: float = 10_000.0,
    roughness: float | xr.DataArray | None = None,
    window: tuple[pd.Timestamp, pd.Timestamp] | None = None,
    backward: bool = False,
    along: tuple[str, ...] = (),
) -> Prepared:
    """Return meteorology on internal terrain-following levels.

    Parameters
    ----------
    met : Dataset of :func:`tracing.met.open_met`
    vertical : one of :data:`VERTICALS`
    top_m : m above ground up to which levels are made
    roughness : m, one value or a map (see :func:`tracing.roughness.read_roughness`); 0.2 m if not given. Used where the
        file has no 10 m wind.
    window : first and last time needed (UTC); by default all. It does not change the numbers inside it.
    backward : whether particles go back in time; isobaric and density motion take the tendency since the time before
        on the way, as HYSPLIT's steps show (a centred tendency misses them by 1 m per step, this one by 0.02 m).
    along : names of :data:`tracing.vertical_along.ALONG`, what is to be told along the path

    Raises
    ------
    MissingData
        If a field that is needed is missing or NaN; says which and what to do.
    InvalidInput
        If ``vertical`` is not known or the file has fewer than two times.
    """
    if vertical not in VERTICALS:
        raise InvalidInput(f"vertical motion {vertical!r} is not known; use one of {', '.join(VERTICALS)}")
    check_variables(met)
    _check_motion(met, vertical)
    check_along(met, along)
    met = _cut(met, window, 1 if vertical in _BY_TENDENCY else 0)
    grid = grid_of(met)
    levels = _Levels.of(met, grid, top_m)
    times = (met["time"].values - met["time"].values[0]) / np.timedelta64(1, "m")
    with ThreadPoolExecutor(_AHEAD) as pool:
        slices = _Slices(met, levels, roughness_on(grid, roughness), pool, humid="humidity" in along)
        fields = _fields(slices, times.astype(np.float64), levels, _Motion(vertical, backward))
        told = _told(met, slices, levels, along)
    return Prepared(fields, grid, pd.Timestamp(met["time"].values[0]).tz_localize("UTC"), vertical, told)


def bytes_per_time(
    met: xr.Dataset, vertical: str, top_m: float, along: tuple[str, ...] = (), *, ensemble: bool = False
) -> int:
    """Return the bytes that one time of prepared meteorology takes, with the member that is moved if ``ensemble``."""
    levels = kernel.internal_heights(met.sizes["level"], top_m).size
    fields = (4 + (vertical in _FOLLOWED)) * (2 if ensemble else 1)
    told = sum(field is not None and field.levels for field in (ALONG.get(name) for name in along))
    return int(4 * met.sizes["y"] * (met.sizes["x"] + 1) * levels * (fields + told))


def _told(met: xr.Dataset, slices: "_Slices", levels: "_Levels", names: tuple[str, ...]) -> dict[str, Field]:
    """Return by column the fields of what is told along the path."""
    told = {}
    for along in [ALONG[name] for name in names]:
        if along is None:
            continue
        if along.levels:
            name = "temperature" if along.column == "temperature_k" else "humidity"
            upper = [along.factor * np.moveaxis(getattr(slices[n], name), 0, -1) for n in range(len(slices))]
            values = np.stack(upper).astype(np.float32)
        else:
            values = surface_field(met, along, levels.terrain)
        told[along.column] = _close(values, levels.cyclic, 2)
    return told


def default_vertical(met: xr.Dataset) -> tuple[str, list[str]]:
    """Return the vertical motion that this meteorology has, and what is to be said of it in two languages."""
    only = met.attrs.get("only_vertical")
    if only is not None:
        return str(only), []
    if "omega" in met and "t" in met:
        return "omega", []
    zh, en = ("气象场没有气温，垂直速度无从换算", "no temperature: omega cannot be used, and")
    if "omega" not in met:
        zh, en = "气象场没有垂直速度", "no omega:"
    return "divergence", [f"{zh}，垂直运动由风的散度推算 / {en} the vertical motion is that of the wind's divergence"]


def assumptions(met: xr.Dataset, roughness: float | xr.DataArray | None) -> list[str]:
    """Return what is assumed where the meteorology is silent, each in Chinese and English."""
    said = []
    if ("u10" not in met or "v10" not in met) and roughness is None:
        z0 = f"{DEFAULT_ROUGHNESS_M:g} m"
        said.append(
            f"气象场没有 10 米风，近地面风按粗糙度 {z0} 的对数廓线推算，给出粗糙度图更准 / no 10 m wind: the wind near "
            f"the ground follows a logarithm over a roughness of {z0}; a roughness map is better"
        )
    if "zs" not in met:
        said.append("气象场没有地形高度，由地面气压推算 / no terrain height: it is found from the surface pressure")
    return [*said, *met.attrs.get("assumed", [])]


def touching_ground(points: pd.DataFrame, vertical: str) -> pd.DataFrame:
    """Return of each path that lies on the ground, because the surface it follows meets it, the first point there."""
    if vertical not in _FOLLOWED:
        return points.iloc[:0]
    on_ground = (points["height_m_agl"] <= 0.0) & (points["age_h"] != 0.0)
    return points[on_ground].drop_duplicates("trajectory")


def ground_contact(touching: pd.DataFrame, vertical: str) -> list[str]:
    """Return in one sentence, Chinese and English, what :func:`touching_ground` found."""
    if touching.empty:
        return []
    first, n = touching.sort_values("trajectory").iloc[0], len(touching)
    name, kept = _SURFACES[vertical]
    place = f"{first['time']:%Y-%m-%dT%H:%MZ} {first['lat']:.2f} N {first['lon']:.2f} E"
    return [
        f"{n} 条轨迹的{name}与地面相交（首先是第 {first['trajectory']} 条，{place}），相交处轨迹贴地，{kept}不守恒 / "
        f"the {vertical} surface meets the ground on {n} paths (first: trajectory {first['trajectory']}, {place}); "
        "there they lie on the ground and do not keep it"
    ]


@dataclass(frozen=True)
class _Levels:
    """Internal levels over the terrain; arrays (y, x) and, for ``height``, (level, y, x)."""

    sigma: Array
    height: Array
    depth: Array
    terrain: Array
    cells: tuple[Array, Array]
    cyclic: bool
    poles: tuple[bool, bool, float]

    @classmethod
    def of(cls, met: xr.Dataset, grid: MetGrid, top_m: float) -> "_Levels":
        terrain = terrain_height(met)
        heights = kernel.internal_heights(met.sizes["level"], top_m)
        sigma, depth = 1.0 - heights / Z_TOP_M, Z_TOP_M - terrain
        return cls(
            sigma,
            (heights / Z_TOP_M)[:, None, None] * depth,
            depth,
            terrain,
            grid.cell_metres(),
            grid.cyclic,
            grid.poles,
        )


@dataclass(frozen=True)
class _Slice:
    """One time on the internal levels, (level, y, x), the top of the data above ground, (y, x), humidity if wanted.

    ``rising`` is the vertical motion of the data in sigma per second.
    """

    u: Array
    v: Array
    rising: Array
    pressure: Array
    temperature: Array
    top: Array
    humidity: Array | None = None


class _Slices:
    """The times of a Dataset on the internal levels: the last and the next few are kept, made ahead by threads."""

    def __init__(
        self, met: xr.Dataset, levels: _Levels, roughness_m: Array, pool: ThreadPoolExecutor, *, humid: bool
    ) -> None:
        self._source = (met, levels, roughness_m, humid)
        self._pool = pool
        self._kept: dict[int, Future[_Slice]] = {}

    def __len__(self) -> int:
        return int(self._source[0].sizes["time"])

    def __getitem__(self, i: int) -> _Slice:
        met, levels, roughness_m, humid = self._source
        for n in range(i, min(i + 1 + _AHEAD, len(self))):
            if n not in self._kept:
                self._kept[n] = self._pool.submit(_at_time, met, n, levels, roughness_m, humid)
        for old in [n for n in self._kept if n < i - 1]:
            del self._kept[old]
        return self._kept[i].result()

    def gap(self, n: int, wind: Field, levels: _Levels) -> str:
        """Return what is said of the wind of time ``n``, shape (y, x, level, 4), that is not finite everywhere."""
        j, i, k, part = (int(place) for place in np.argwhere(~np.isfinite(wind))[0])
        name = ("u", "v", "vertical motion", "pressure")[part]
        height = float((1.0 - levels.sigma[k]) * levels.depth[j, i])
        return say_nan(self._source[0], n, name, (j, i), height)


@dataclass(frozen=True)
class _Motion:
    """Which vertical motion, and the way particles go in time."""

    vertical: str
    backward: bool

    def sigma_per_second(self, slices: _Slices, times: Array, n: int, levels: _Levels) -> Array:
        """Return the vertical motion of time ``n`` on the internal levels."""
        now, cells = slices[n], (*levels.cells, levels.sigma)
        if self.vertical == "omega":
            return now.rising
        if self.vertical == "divergence":
            return kernel.from_divergence((now.u, now.v), cells, cyclic=levels.cyclic)
        if self.vertical in _BY_TENDENCY:
            i = min(n, len(slices) - 2) if self.backward else max(n - 1, 0)
            before, after = (_quantity(slices[k], self.vertical) for k in (i, i + 1))
            tendency = (after - before) / (60.0 * (times[i + 1] - times[i]))
            quantity = _quantity(now, self.vertical)
            return kernel.keep_quantity(quantity, tendency, (now.u, now.v), cells, cyclic=levels.cyclic)
        return np.zeros_like(now.u)


def _at_time(met: xr.Dataset, i: int, levels: _Levels, roughness_m: Array, humid: bool) -> _Slice:
    columns = columns_at(met, i, levels.terrain, roughness_m)
    values = columns.values if humid else columns.values[:-1]
    n_fields, n_levels = values.shape[:2]
    flat = kernel.interpolate_columns(
        columns.height.reshape(n_levels, -1),
        values.reshape(n_fields, n_levels, -1),
        np.ascontiguousarray(levels.height.reshape(levels.sigma.size, -1)),
    )
    u, v, omega, log_p, temperature, *humidity = flat.reshape(n_fields, *levels.height.shape)
    pressure = np.exp(log_p)
    rising = omega / (pressure / (R_DRY * temperature) * GRAVITY) / levels.depth
    return _Slice(u, v, rising, pressure, temperature, _data_top(columns), *humidity)


def _data_top(columns: Columns) -> Array:
    """Return the height of the highest level that holds wind."""
    return np.asarray(np.where(np.isnan(columns.u), 0.0, columns.height).max(axis=0))


def _fields(slices: _Slices, times: Array, levels: _Levels, motion: _Motion) -> Fields:
    """Assemble the kernel's arrays."""
    follows = motion.vertical in _FOLLOWED
    shape = (len(slices), *levels.depth.shape, levels.sigma.size)
    wind = np.empty((*shape, 4), np.float32)
    follow = np.empty(shape if follows else (1, 1, 1, 1), np.float32)
    top = np.empty((*shape[:3], 1), np.float32)
    for n in range(len(slices)):
        now = slices[n]
        upward = motion.sigma_per_second(slices, times, n, levels)
        if not kernel.interleave((now.u, now.v, 60.0 * upward, now.pressure), wind[n]):
            raise MissingData(slices.gap(n, wind[n], levels))
        top[n, ..., 0] = now.top
        if follows:
            follow[n] = np.moveaxis(_followed(now, levels, motion.vertical), 0, -1)
    surface = _close(np.stack([levels.depth, *levels.cells], axis=-1), levels.cyclic, 1)
    wind, top = (_close(a, levels.cyclic, 2) for a in (wind, top))
    follow = _close(follow, levels.cyclic and follows, 2)
    lookup = kernel.level_lookup(levels.sigma)
    by_row = bool(np.all(surface[..., 1:] == surface[:, :1, 1:]))
    poles = levels.poles
    return Fields(wind, follow, top, surface, times, levels.sigma, lookup, levels.cyclic, by_row, *poles)


def _close(array: NDArray, cyclic: bool, axis: int) -> NDArray:
    """Repeat the first column after the last where the grid goes round the Earth."""
    return np.concatenate([array, np.take(array, [0], axis)], axis) if cyclic else array


def _quantity(s: _Slice, vertical: str) -> Array:
    return s.pressure if vertical == "isobaric" else s.pressure / (R_DRY * s.temperature)


def _followed(s: _Slice, levels: _Levels, vertical: str) -> Array:
    """Return what the particle keeps: potential temperature (K) or height above sea level (m)."""
    if vertical == "isentropic":
        return s.temperature * (_P0 / s.pressure) ** KAPPA
    return levels.height + levels.terrain


def _cut(met: xr.Dataset, window: tuple[pd.Timestamp, pd.Timestamp] | None, margin: int) -> xr.Dataset:
    """Return the times around the window and ``margin`` more on both sides."""
    times = met["time"].values
    check_times(met)
    if window is None:
        return met
    first, last = (np.datetime64(t.tz_convert("UTC").tz_localize(None), "ns") for t in window)
    i = max(int(np.searchsorted(times, first, side="right")) - 1, 0)
    j = min(int(np.searchsorted(times, last, side="left")), times.size - 1)
    i = min(i, times.size - 2)
    return met.isel(time=slice(max(i - margin, 0), max(j, i + 1) + 1 + margin))


def check_times(met: xr.Dataset) -> None:
    """Raise InvalidInput where there is nothing between whose times a particle could move."""
    if met.sizes["time"] < 2:
        raise InvalidInput(f"meteorology {say_period(met)}: one time only; trajectories need two or more; add files")


def _check_motion(met: xr.Dataset, vertical: str) -> None:
    have = sorted(str(name) for name in met.data_vars)
    only = met.attrs.get("only_vertical")
    if only is not None and vertical != only:
        raise MissingData(f"meteorology {say_period(met)}: only winds near the ground, {have}; choose vertical {only}")
    if vertical == "omega" and "omega" not in met:
        raise MissingData(
            f"meteorology {say_period(met)}: no vertical motion (omega), only {have}; "
            "choose vertical isobaric or divergence"
        )
    if vertical in ("omega", "isentropic", "density") and "t" not in met:
        raise MissingData(
            f"meteorology {say_period(met)}: no temperature for vertical {vertical}, only {have}; choose isobaric"
        )
