"""What a surface of pollution is made from, and how."""

from typing import Annotated, Literal

from pydantic import Field

from api.processes.base import Cli, Inputs, UtcTime, Zh


class PollutionInputs(Inputs):
    """Which values at which stations, over which area, by which method, in which classes."""

    stations: Annotated[str | None, Cli(metavar="FILE|LAYER")] = Field(
        None,
        description="points with values, observed or forecast; without it the latest hour of the workspace's "
        "observations",
        examples=["values.csv", "station_aqi"],
    )
    value: Annotated[str | None, Cli(metavar="COLUMN")] = Field(
        None,
        description="column of values; aqi where there is one, else pm25_ug_m3",
        examples=["pm25_ug_m3"],
    )
    time: UtcTime | None = Field(
        None, description="hour of the values, UTC unless it carries a zone; by default the latest"
    )
    area: Annotated[str, Cli(metavar="FILE|LAYER")] = Field(
        "districts", description="polygons over which the surface is drawn"
    )
    method: Literal["auto", "idw", "kriging"] = Field(
        "auto", description="auto: kriging where a variogram can be fitted, else inverse distance"
    )
    drift: Annotated[tuple[str, ...], Cli(metavar="FILE|LAYER")] = Field(
        (),
        description="kriging with external drift: grids in degrees (terrain: .tif, .nc), or shapes whose distance "
        "counts (coast line, sea)",
    )
    transform: Annotated[Literal["none", "log"], Zh("log：对偏态值（如 SO2）取对数后克里金，概率按对数正态")] = Field(
        "none", description="log: krige the logarithms of skewed values (as SO2); probabilities are then lognormal"
    )
    model: Literal["auto", "spherical", "exponential", "gaussian"] = Field(
        "auto", description="variogram model; auto: the one with the best leave-one-out score"
    )
    nugget: float | None = Field(None, description="variogram of your own: nugget; with --sill and --range-km")
    sill: float | None = Field(None, description="variogram of your own: sill, nugget included")
    range_km: float | None = Field(None, description="variogram of your own: practical range, km")
    power: float = Field(2.0, description="inverse distance: power of the distance")
    cell_m: float = Field(500.0, description="size of a cell, m")
    margin_km: float = Field(50.0, ge=0.0, le=500.0, description="stations so far outside the area still count, km")
    levels: tuple[float, ...] = Field(
        (), max_length=20, description="levels of your own; by default the categories of the air quality index"
    )
    averaging: Literal["1h", "24h"] | None = Field(
        None, description="mean that the values are; 1h for observations and values with a time, else 24h"
    )
    standard: Literal["2012", "2026"] | None = Field(
        None, description="HJ 633 edition for the categories; by default the one in force at the time of the values"
    )
    population: Annotated[str | None, Cli(metavar="FILE")] = Field(
        None, description="grid of people per km2, NetCDF or GeoTIFF in degrees: people above each level"
    )
    receptors: Annotated[
        str | None, Cli(metavar="IN.csv"), Zh("需要插值结果的地点表（lon、lat）；与 receptors_output 同填")
    ] = Field(None, description="places (lon, lat) for which the value is wanted; with --receptors-output")
    receptors_output: Annotated[str | None, Cli(metavar="OUT.csv")] = Field(
        None, exclude=True, description="the places with value, standard deviation and chances"
    )
    everything: bool = Field(
        False, exclude=True, description="probability bands, districts and stations in a .kml or .gpkg too; .kmz always"
    )
    lists_output: Annotated[str | None, Cli(metavar="OUT.xlsx")] = Field(
        None, exclude=True, description="the lists by class, level, district and station, .xlsx or .csv"
    )
    surface_output: Annotated[str | None, Cli(metavar="OUT.tif")] = Field(
        None, exclude=True, description="the surface, its standard deviation and chances: .tif, .nc or .csv"
    )
    variogram_output: Annotated[str | None, Cli(metavar="OUT.svg")] = Field(
        None, exclude=True, description="the variogram: figure (.svg) or table (.csv)"
    )
