"""Inputs that several zones ask for: who and what is looked for inside, and what is written beside the zone."""

from typing import Annotated

from pydantic import Field

from api.processes.base import Cli, Zh
from api.processes.context import Context
from geo.overlay import Density, read_density

Population = Annotated[
    str | None,
    Cli(metavar="FILE"),
    Zh(
        "每平方千米人口的格网（NetCDF 或经纬度 GeoTIFF）：估计范围内人数；不填则取工作区 files 文件夹中的 "
        "population.tif 或 population.nc，none 为不估计"
    ),
    Field(
        description="grid of people per km2, NetCDF or GeoTIFF in degrees: people inside, low, best, high; by default "
        "population.tif or population.nc in the folder files of the workspace; none for no people"
    ),
]
Inventory = Annotated[
    tuple[str, ...],
    Field(description="layers whose objects are listed if inside; by default all that were brought in"),
]
Everything = Annotated[
    bool,
    Field(exclude=True, description="bands, arrival lines and what is inside in a .kml or .gpkg too; .kmz always"),
]
ListsOutput = Annotated[
    str | None,
    Cli(metavar="OUT.xlsx"),
    Field(exclude=True, description="the lists of districts, people and objects, .xlsx or .csv"),
]

_GRIDS = ("population.tif", "population.nc")
NO_PEOPLE = "none"


def people_around(
    population: str | None, context: Context, bounds: tuple[float, float, float, float]
) -> tuple[Density | None, list[str]]:
    """Return the grid of people around a box (degrees), the one given or the workspace's, and what must be said of it.

    Raises
    ------
    InvalidInput
        The grid that was given is not there, or knows nothing of the place.
    """
    if population == NO_PEOPLE:
        return None, []
    if population is not None:
        return read_density(context.file(population), bounds), []
    for name in _GRIDS:
        if (path := context.own_file(name)) is not None:
            return read_density(path, bounds), [f"人口取自工作区的 {name} / people from {name} of the workspace"]
    return None, []
