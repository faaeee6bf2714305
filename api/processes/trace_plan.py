"""A run of trajectories before it starts: its starts, whether it is too large, and what it would cost."""

from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from api.processes.base import Outcome
from api.processes.context import Context
from api.processes.trace_inputs import TraceInputs
from geo.errors import InvalidInput
from tracing.roughness import read_roughness
from tracing.starts import make_starts, spread, start_times, step_of
from tracing.trajectory import Integration, available_threads, check_request
from tracing.trajectory_cost import Cost, check_starts, cost_of
from tracing.trajectory_run import points_per_path
from tracing.trajectory_spread import OFFSETS
from tracing.vertical import default_vertical

# Points that go through memory as one table, 130 bytes each and twice while it is put together.
MOST_POINTS = 12_000_000
# Starts that are made into a table only to be checked.
_MOST_CHECKED = 2_000_000


@dataclass(frozen=True)
class Plan:
    """What the inputs ask for, before a table of starts is made: it may be far too long."""

    inputs: TraceInputs
    places: gpd.GeoDataFrame | tuple[float, float]
    times: pd.DatetimeIndex
    options: Integration

    @classmethod
    def of(cls, inputs: TraceInputs, context: Context) -> "Plan":
        """Read the receptors and the roughness map, and lay out the start times."""
        if inputs.receptors is not None:
            places: gpd.GeoDataFrame | tuple[float, float] = context.vector(inputs.receptors)
        elif inputs.lon is not None and inputs.lat is not None:
            places = (inputs.lon, inputs.lat)
        options = Integration(
            method=inputs.method,
            step_minutes=None if inputs.step is None else step_of(inputs.step).total_seconds() / 60,
            cells_per_step=inputs.cells_per_step,
            roughness=None if inputs.roughness is None else read_roughness(context.file(inputs.roughness)),
            ensemble=inputs.ensemble,
            error=None if inputs.error == "none" else inputs.error,
            along=inputs.along,
        )
        return cls(inputs, places, start_times(inputs.start, inputs.until, inputs.every), options)

    @property
    def n_places(self) -> int:
        """How many places there are."""
        return 1 if isinstance(self.places, tuple) else len(self.places)

    @property
    def per_time(self) -> int:
        """How many starts there are at each start time."""
        return self.n_places * len(self.inputs.height) * (self.inputs.spread_members if self.inputs.spread_km else 1)

    def starts(self) -> pd.DataFrame:
        """Return the table of starts."""
        inputs = self.inputs
        starts = make_starts(self.places, times=self.times, heights=inputs.height)
        if inputs.spread_km is None:
            return starts
        return spread(starts, radius_km=inputs.spread_km, members=inputs.spread_members, seed=inputs.seed)

    def thinned(self, most: int) -> tuple["Plan", NDArray[np.int64]]:
        """Return the plan with as many of its times, evenly spread, as give ``most`` starts or so, and their rows."""
        n, inner = len(self.times), self.per_time // self.n_places
        taken = np.unique(np.linspace(0, n - 1, min(n, max(1, most // self.per_time))).round().astype(np.int64))
        rows = (np.arange(self.n_places)[:, None, None] * n + taken[:, None]) * inner + np.arange(inner) + 1
        return replace(self, times=self.times[taken]), rows.ravel()

    def check_size(self, context: Context) -> None:
        """Refuse more starts than the user allows, and more points than memory holds, before anything is computed."""
        count, most = len(self.times) * self.per_time, self.inputs.max_starts
        if count > most:
            raise InvalidInput(
                f"{count} trajectories asked for, more than --max-starts {most}: --dry-run says what they would cost; "
                "shorten the period, use fewer places, or raise --max-starts"
            )
        members = len(OFFSETS) if self.options.ensemble else 1
        points = count * members * points_per_path(self.inputs.hours, self.options)
        if points > MOST_POINTS and not self.to_parquet(context):
            raise InvalidInput(
                f"{count * members} trajectories have up to {points} points, more than the {MOST_POINTS} that go "
                "through memory: write them to a .parquet file with --output, which takes any number"
            )

    def motion(self, met: xr.Dataset) -> tuple[str, list[str]]:
        """Return the vertical motion, and what is to be said of it if the user left the choice."""
        return default_vertical(met) if self.inputs.vertical is None else (self.inputs.vertical, [])

    def to_parquet(self, context: Context) -> bool:
        """Whether the points go to a file part by part."""
        return context.output is not None and context.output.suffix.lower() == ".parquet"


def told_cost(met: xr.Dataset, plan: Plan, context: Context) -> Outcome:
    """Return what the run would cost as an outcome without layers; starts that cannot be are errors as ever."""
    inputs, (vertical, said) = plan.inputs, plan.motion(met)
    said += _checked(met, plan, vertical)
    threads = available_threads() if context.client is None else max(1, sum(context.client.nthreads().values()))
    cost = cost_of(
        met,
        make_starts((0.0, 0.0), times=plan.times, heights=(0.0,)),
        per_time=plan.per_time,
        hours=inputs.hours,
        vertical=vertical,
        options=plan.options,
        threads=threads,
        streamed=plan.to_parquet(context),
    )
    over = len(plan.times) * plan.per_time > inputs.max_starts
    most = f"--max-starts {inputs.max_starts}"
    if over:
        said.append(f"多于 {most}，须调大才会计算 / more than {most}: raise it to run")
    if cost.points > MOST_POINTS and not plan.to_parquet(context):
        said.append(
            f"点数多于内存容许的 {MOST_POINTS}，须以 --output 写 .parquet / more points than the {MOST_POINTS} that go "
            "through memory: write them to a .parquet file with --output"
        )
    zh, en = _cost_said(cost, threads)
    return Outcome(layers={}, summary_zh=zh, summary_en=en, warnings=tuple(said))


def _cost_said(cost: Cost, threads: int) -> tuple[str, str]:
    winds, memory = f"{cost.winds_bytes / 1e9:.2g} GB", f"{cost.memory_bytes / 1e9:.2g} GB"
    steps, file = cost.steps / 1e6, f"{max(cost.file_bytes / 1e6, 0.1):.2g} MB"
    return (
        f"将计算 {cost.paths} 条轨迹、约 {steps:.3g} 百万粒子步，读气象 {cost.times} 个时次"
        f"（分 {cost.windows} 段，每段至多 {winds}）；{threads} 线程约 {_say(cost.seconds, 'zh')}，内存约 {memory}，"
        f"Parquet 约 {file}。未计算，未写任何文件",
        f"it would follow {cost.paths} trajectories, about {steps:.3g} million particle-steps, reading {cost.times} "
        f"times of meteorology in {cost.windows} window(s) of up to {winds}; with {threads} thread(s) about "
        f"{_say(cost.seconds, 'en')}, {memory} of memory, {file} as Parquet. Nothing was computed or written",
    )


def _checked(met: xr.Dataset, plan: Plan, vertical: str) -> list[str]:
    """Check the starts as the run would; return what is to be said if not all times were looked at."""
    options, hours = plan.options, plan.inputs.hours
    some, rows = plan.thinned(_MOST_CHECKED)
    if len(some.times) < len(plan.times):
        # Whether the times lie in the period does not depend on the place.
        alone = make_starts((0.0, 0.0), times=plan.times, heights=plan.inputs.height)
        check_request(met, alone, hours=hours, vertical=vertical, options=options)
    seen, _ = check_starts(met, some.starts(), hours=hours, vertical=vertical, options=options, numbers=rows)
    if seen == len(plan.times):
        return []
    return [
        f"高度上限与风场缺测只核对了 {len(plan.times)} 个起始时刻中的 {seen} 个 / heights were held against the top, "
        f"and winds against gaps, at {seen} of {len(plan.times)} start times"
    ]


def _say(seconds: float, language: str) -> str:
    second, minute, hour = ("秒", "分钟", "小时") if language == "zh" else ("s", "min", "h")
    if seconds < 100.0:
        return f"{max(seconds, 1.0):.0f} {second}"
    return f"{seconds / 60.0:.0f} {minute}" if seconds < 6000.0 else f"{seconds / 3600.0:.1f} {hour}"
