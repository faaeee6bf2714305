"""The practice episode: sample data in; zones, trajectories and hot spots computed on a Dask cluster."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd

from api.processes.base import Inputs, Process, execute, store_layers
from api.processes.context import Context, Progress
from api.processes.hotspots_alarms import PROCESS as ALARMS
from api.processes.hotspots_alarms import AlarmInputs
from api.processes.hotspots_gi import PROCESS as GI
from api.processes.hotspots_grid import PROCESS as GRID
from api.processes.hotspots_grid import GridInputs
from api.processes.place_inputs import PlaceInputs
from api.processes.trace import PROCESS as TRACE
from api.processes.trace_inputs import TraceInputs
from api.processes.zone_heating import PROCESS as HEATING
from api.processes.zone_heating import HeatingInputs
from data_samples import folder
from geo.errors import InvalidInput, SourceUnavailable
from layers.add import add_file
from layers.air_quality import station_aqi
from layers.observations import read_observations
from layers.provenance import provenance
from layers.road_cleaning_zones import road_cleaning_zones
from layers.station_means import station_means
from layers.store import LayerData, Workspace

if TYPE_CHECKING:
    from distributed import Client

MARKER = ".suyuan-demo"
LEDGERS = (
    ("region", "region.geojson"),
    ("districts", "districts.geojson"),
    ("stations", "stations.csv"),
    ("stations", "micro_stations.csv"),
    ("chp_units", "chp_units.geojson"),
    ("boilers", "boilers.csv"),
    ("parks", "parks.geojson"),
    ("construction_sites", "construction_sites.geojson"),
    ("fire_points", "fire_points.csv"),
    ("fire_rasters", "fire_mask_20211020T0500Z.tif"),
)
OBSERVATIONS = "observations.csv"
METEOROLOGY = "practice_met.arl"
BACK_HOURS = -36.0
HEIGHTS_M = (100.0, 500.0)
STARTS_BEFORE_PEAK = pd.Timedelta(hours=6)
STARTS_EVERY = "3h"
# Hot spots of the mean of the hours up to the worst one: over the five days the plumes average out.
HOT_SPOT_PERIOD = pd.Timedelta(hours=12)


@dataclass
class Made:
    """What the demo made: lines for people, in order."""

    lines: list[str] = field(default_factory=list)

    def add(self, zh: str, en: str) -> None:
        """Note one result in both languages."""
        self.lines.append(f"{zh} · {en}")


def require_own_workspace(workspace: Path) -> None:
    """Refuse a folder that holds anybody's work: the demo replaces layers.

    Raises
    ------
    InvalidInput
        If the folder has content that no demo made.
    """
    if workspace.is_dir() and any(workspace.iterdir()) and not (workspace / MARKER).exists():
        raise InvalidInput(
            f"{workspace} holds data that is not the demo's: give an empty or new folder with --workspace DIR"
        )


def build(workspace: Path, client: "Client", progress: Progress) -> Made:
    """Fill a workspace with the practice episode and its results.

    Raises
    ------
    InvalidInput
        If the folder is not the demo's own.
    SourceUnavailable
        If a sample file is missing.
    """
    require_own_workspace(workspace)
    workspace.mkdir(parents=True, exist_ok=True)
    (workspace / MARKER).write_text("practice data; suyuan demo replaces what is here\n", encoding="utf-8")
    store, made = Workspace(workspace), Made()
    _ledgers(store, made, progress)
    worst = _observations(store, made)
    for process, inputs in _jobs(worst):
        context = Context(workspace, client=client, progress=progress)
        _run(process, inputs, context, made)
    return made


def _sample(name: str) -> Path:
    path = folder() / name
    if not path.is_file():
        raise SourceUnavailable(f"{path}: sample file missing; rebuild it with python -m data_samples.make")
    return path


def _ledgers(store: Workspace, made: Made, progress: Progress) -> None:
    for number, (layer, name) in enumerate(LEDGERS):
        progress(number, len(LEDGERS), "图层 layers")
        added = add_file(store, layer, _sample(name), set_values=_synthetic(layer, name))
        if added.report is not None and added.report.refused:
            first = added.report.rejected.iloc[0]
            raise InvalidInput(f"{name} row {first['row']}: {first['column']}: {first['reason_en']}")
    progress(len(LEDGERS), len(LEDGERS), "图层 layers")
    for record in store.records():
        made.add(f"{record.title_zh} {record.count}", f"{record.title_en}")


def _synthetic(layer: str, name: str) -> Mapping[str, object] | None:
    return {"synthetic": "true"} if layer == "fire_rasters" else None


@dataclass(frozen=True)
class Worst:
    """The station and hour with the highest AQI of the episode."""

    station_id: str
    name: str
    time: pd.Timestamp
    aqi: int


def _observations(store: Workspace, made: Made) -> Worst:
    report = read_observations(_sample(OBSERVATIONS))
    if report.refused:
        raise InvalidInput(f"{OBSERVATIONS}: {len(report.rejected)} values rejected; rebuild the sample data")
    observed = report.accepted
    store.observations.add(observed)
    made.add(f"观测值 {len(observed)} 条", f"{len(observed)} observations")
    stations = store.read("stations")
    aqi = station_aqi(stations, observed)
    worst = _worst(aqi)
    end = worst.time + pd.Timedelta(hours=1)
    means = station_means(stations, observed, start=end - HOT_SPOT_PERIOD, end=end)
    sources: dict[str, str | Path | pd.DataFrame] = {"stations": stations, "observations": observed}
    store.write(
        {
            "station_aqi": LayerData(aqi, provenance=provenance("station-aqi", sources)),
            "station_means": LayerData(means, provenance=provenance("station-means", sources)),
            "road_cleaning_zones": LayerData(
                road_cleaning_zones(stations), provenance=provenance("road-cleaning-zones", {"stations": stations})
            ),
        }
    )
    local = worst.time.tz_convert("Asia/Shanghai")
    made.add(
        f"最差站点 {worst.name}，{local:%m-%d %H:%M} AQI {worst.aqi}",
        f"worst station {worst.station_id}, {local:%Y-%m-%d %H:%M} China time",
    )
    return worst


def _worst(aqi: gpd.GeoDataFrame) -> Worst:
    peak = aqi.loc[aqi["aqi"].astype("float64").idxmax()]
    return Worst(str(peak["station_id"]), str(peak["name"]), pd.Timestamp(peak["time"]), int(peak["aqi"]))


def _jobs(worst: Worst) -> tuple[tuple[Process[Any], Inputs], ...]:
    trace = TraceInputs(
        met=(str(_sample(METEOROLOGY)),),
        start=(worst.time - STARTS_BEFORE_PEAK).to_pydatetime(),
        until=worst.time.to_pydatetime(),
        every=STARTS_EVERY,
        receptors="stations",
        height=HEIGHTS_M,
        hours=BACK_HOURS,
    )
    return (
        (HEATING, HeatingInputs()),
        (TRACE, trace),
        (GI, PlaceInputs(file="station_means", value="pm25_ug_m3")),
        # Five days are no month and little past: the practice episode is judged by what there is.
        (ALARMS, AlarmInputs(min_days=1)),
        # An hour before the worst one: there it bubbles where later a whole town is in the smoke.
        (GRID, GridInputs(min_share=0.1, hour=(worst.time - pd.Timedelta(hours=1)).isoformat())),
    )


def _run(process: Process[Any], inputs: Inputs, context: Context, made: Made) -> None:
    result = execute(process, inputs, context)
    store_layers(result, context)
    made.add(result.outcome.summary_zh, result.outcome.summary_en)
