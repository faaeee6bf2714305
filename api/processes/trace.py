"""轨迹追溯: back and forward trajectories on gridded winds."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from api.processes.base import Outcome, Process, ResultLayer
from api.processes.context import Context
from api.processes.trace_inputs import TraceInputs
from api.processes.trace_plan import Plan, told_cost
from tracing.exchange import write_trajectories
from tracing.jobs import trace_parts
from tracing.met import open_met
from tracing.trajectory import trajectory_lines
from tracing.trajectory_parquet import ParquetSink
from tracing.trajectory_sink import TableSink, Tally, with_member
from tracing.vertical import assumptions


def run(inputs: TraceInputs, context: Context) -> Outcome:
    """Start from each place, time and height, and follow the wind; or, with dry_run, say what that would cost."""
    paths = [context.file(path) for path in inputs.met]
    plan = Plan.of(inputs, context)
    met = open_met(paths)
    if inputs.dry_run:
        return told_cost(met, plan, context)
    plan.check_size(context)
    starts = plan.starts()
    vertical, said = plan.motion(met)
    tally = Tally(vertical)
    sink: ParquetSink | TableSink = TableSink()
    if context.output is not None and plan.to_parquet(context):
        sink = context.hold(ParquetSink(context.output))
    for part in trace_parts(
        context.client,
        paths,
        starts,
        met=met,
        hours=inputs.hours,
        vertical=vertical,
        options=plan.options,
        progress=partial(context.progress, what="轨迹 trajectories"),
    ):
        tally.add(part)
        sink.add(with_member(part, starts))
    said += [*assumptions(met, plan.options.roughness), *tally.ground_contact()]
    return _outcome(inputs, sink, tally, said, partial(_write, sink, met.attrs.get("source", ""), vertical))


def _outcome(
    inputs: TraceInputs,
    sink: ParquetSink | TableSink,
    tally: Tally,
    said: list[str],
    write: Callable[[Path, dict[str, Any]], None],
) -> Outcome:
    told = ", ".join(f"{reason} {count}" for reason, count in sorted(tally.ends.items()))
    layers = {}
    if isinstance(sink, TableSink):
        layers = {"trajectories": ResultLayer(trajectory_lines(sink.points()), "trajectories")}
    return Outcome(
        layers=layers,
        summary_zh=f"{tally.paths} 条轨迹，{abs(inputs.hours):g} 小时；结束原因 {told}",
        summary_en=f"{tally.paths} trajectories of {abs(inputs.hours):g} h; ended: {told}",
        warnings=tuple(said),
        write=write,
    )


def _write(sink: ParquetSink | TableSink, met_id: str, vertical: str, path: Path, provenance: dict[str, Any]) -> None:
    if isinstance(sink, ParquetSink):
        sink.finish(provenance)
    else:
        write_trajectories(sink.points(), path, provenance, met_id=met_id, vertical=vertical)


PROCESS = Process(
    id="trace",
    command=("trace",),
    title_zh="轨迹追溯",
    title_en="Trajectories",
    description_zh="沿风场向后或向前计算气团轨迹（Petterssen、中点或四阶龙格-库塔积分，地形追随坐标）。",
    description_en="Follows the wind back or forward in time (Petterssen, midpoint or RK4, terrain-following heights).",
    example="suyuan trace --met oct1618.BIN --start 1995-10-18T00:00 --lat 40 --lon -90 --height 500 --hours -24 "
    "--vertical omega --output back.tdump",
    inputs=TraceInputs,
    run=run,
    output_formats=(".tdump", ".nc", ".parquet", ".geojson", ".csv"),
    result_layers=("trajectories",),
)
