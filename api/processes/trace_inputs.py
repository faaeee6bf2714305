"""What trajectories ask for: winds, places and times, and how to integrate."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from api.processes.base import Cli, Inputs
from tracing.starts import step_of
from tracing.vertical import Vertical

AlongName = Literal["pressure", "temperature", "humidity", "mixing-height", "precipitation", "terrain"]


class TraceInputs(Inputs):
    """Which winds, from where and when, for how long, with which vertical motion."""

    met: Annotated[tuple[str, ...], Cli(metavar="FILE")] = Field(
        description="meteorology files; several join into one time axis", min_length=1, examples=[["oct1618.BIN"]]
    )
    start: datetime = Field(description="start time, UTC unless it carries a zone", examples=["1995-10-16T00:00"])
    until: datetime | None = Field(None, description="last start time; with every", examples=["1995-10-16T12:00"])
    every: str | None = Field(None, description="time between starts; with until", examples=["1h", "30min"])
    lat: float | None = Field(None, ge=-90, le=90, description="latitude of the start, degrees", examples=[40])
    lon: float | None = Field(None, ge=-180, le=360, description="longitude of the start, degrees", examples=[-90])
    receptors: Annotated[str | None, Cli(metavar="FILE|LAYER")] = Field(
        None, description="points to start from instead of lat and lon: a file or a layer", examples=["stations"]
    )
    height: tuple[float, ...] = Field(
        (500.0,), description="start height above ground, m; may be given several times", examples=[[500, 1000]]
    )
    hours: float = Field(ge=-10_000, le=10_000, description="length, h; negative goes back in time", examples=[-72])
    vertical: Vertical | None = Field(
        None, description="vertical motion; by default omega, and divergence, said in the result, where there is none"
    )
    method: Literal["petterssen", "midpoint", "rk4"] = Field("petterssen", description="integration scheme")
    step: str | None = Field(None, description="fixed time step; without it as cells_per_step says", examples=["10min"])
    cells_per_step: float = Field(0.75, ge=0.01, le=1, description="share of a cell that an automatic step may cross")
    roughness: Annotated[str | None, Cli(metavar="FILE")] = Field(
        None, description="map of roughness length, 1 degree; without it 0.2 m", examples=["ROUGLEN.ASC"]
    )
    ensemble: bool = Field(
        False, description="27 paths per start, the meteorology moved by one grid cell in x and y and 0.01 sigma in z"
    )
    spread_km: float | None = Field(
        None, gt=0, le=1000, description="start also from places drawn at random in this circle around each start, km"
    )
    spread_members: int = Field(27, ge=2, le=1000, description="starts for each one with spread_km, itself the first")
    error: Literal["there-and-back", "none"] = Field(
        "there-and-back",
        description="error of the integration along the path, km, from the way back to the start; none: faster",
    )
    along: tuple[AlongName, ...] = Field(
        (), description="what is told along the path, a column each, units in its name"
    )
    seed: int = Field(1, ge=0, description="seed of what is drawn at random; recorded with the result")
    max_starts: int = Field(200_000, ge=1, description="refuse more starts than this: a guard against slips")
    dry_run: bool = Field(False, description="say what the run would cost in time, memory and disk, and stop")

    @field_validator("start", "until")
    @classmethod
    def _in_utc(cls, value: datetime | None) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    @field_validator("every", "step")
    @classmethod
    def _a_duration(cls, value: str | None) -> str | None:
        if value is not None:
            step_of(value)
        return value

    @model_validator(mode="after")
    def _one_place(self) -> "TraceInputs":
        if self.receptors is None and (self.lat is None or self.lon is None):
            raise ValueError("no place to start from: give lat and lon, or receptors")
        if self.receptors is not None and (self.lat is not None or self.lon is not None):
            raise ValueError("two kinds of places: give either lat and lon, or receptors")
        if (self.every is None) != (self.until is None):
            raise ValueError("every and until go together: give both or neither")
        if self.ensemble and self.spread_km is not None:
            raise ValueError("ensemble and spread_km give two kinds of members: choose one")
        return self
