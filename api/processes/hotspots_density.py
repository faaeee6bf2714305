"""核密度: kernel density of points on cells, corrected at the coast."""

from typing import Annotated

import shapely
from pydantic import Field

from api.processes.base import Cli, Inputs, Outcome, Process, ResultLayer, Zh
from api.processes.cell_output import FORMATS, cell_writer
from api.processes.context import Context
from api.processes.observation_inputs import read_events
from geo.errors import InvalidInput
from tracing.density import kernel_density


class DensityInputs(Inputs):
    """Which points, how far a kernel reaches, and where land ends."""

    file: Annotated[str, Cli(positional=True, metavar="FILE"), Zh("点：文件或图层的编号")] = Field(
        description="points: a file or the id of a layer", examples=["fire_points", "alarms.geojson"]
    )
    cell_m: Annotated[float, Zh("网格边长，米")] = Field(1000.0, gt=0, description="edge of a cell, metres")
    bandwidth_m: Annotated[float | None, Zh("带宽（核的半径），米；不填则按 Silverman 经验公式")] = Field(
        None, gt=0, description="where a kernel ends, metres; without it by Silverman's rule of thumb"
    )
    weight: Annotated[str | None, Cli(metavar="COLUMN"), Zh("点的权重所在列")] = Field(
        None, description="column that weighs the points", examples=["frp_mw"]
    )
    inside: Annotated[str | None, Cli(metavar="FILE|LAYER"), Zh("陆地或城市的面：在其外边界（如海岸）校正密度")] = (
        Field(
            None,
            description="polygons of the land or the city: the density is corrected at their outer boundary (coast)",
            examples=["districts"],
        )
    )


def run(inputs: DensityInputs, context: Context) -> Outcome:
    """Sum the kernels at each cell."""
    frame = read_events(context, inputs.file)
    area = None if inputs.inside is None else land_of(context, inputs.inside)
    context.progress(0, 1, "核密度 density")
    found = context.compute(
        kernel_density,
        frame,
        cell_m=inputs.cell_m,
        bandwidth_m=inputs.bandwidth_m,
        weight=inputs.weight,
        inside=area,
    )
    context.progress(1, 1, "核密度 density")
    cells, top = found.cells, float(found.cells["density_per_km2"].max())
    reach = found.bandwidth_m / 1000.0
    return Outcome(
        layers={"point_density": ResultLayer(cells, "point_density")},
        summary_zh=f"{len(cells)} 个网格，带宽 {reach:.2f} km，最大密度每平方公里 {top:.4g}",
        summary_en=f"{len(cells)} cells, bandwidth {reach:.2f} km, highest density {top:.4g} per km2",
        warnings=found.warnings,
        write=cell_writer(cells, found.grid, found.numbers, ("density_per_km2", "standard_error", "inside")),
    )


def land_of(context: Context, source: str) -> shapely.Geometry:
    """Return the polygons of a source as one area.

    Raises
    ------
    InvalidInput
        It holds no polygon, or one that is not valid.
    """
    shapes = context.vector(source).geometry
    areas = shapes[shapes.geom_type.isin(["Polygon", "MultiPolygon"])]
    if areas.empty:
        raise InvalidInput(f"{source} holds no polygon: give districts or a coast as polygons")
    wrong = ~areas.is_valid
    if wrong.any():
        raise InvalidInput(f"{source}: polygon {int(wrong.to_numpy().argmax()) + 1} is not valid: repair it first")
    return shapely.union_all(areas.array)


PROCESS = Process(
    id="hotspots-density",
    command=("hotspots", "density"),
    title_zh="核密度",
    title_en="Kernel density",
    description_zh="火点、报警或事件的核密度（四次核、大地线距离），在海岸或边界处按核落在界内的份额校正。",
    description_en="Kernel density of fires, alarms or events (quartic kernel, geodesic), corrected at the coast by "
    "the share of the kernel that lies on land.",
    example="suyuan hotspots density fire_points.csv --inside districts.geojson --cell-m 1000 --bandwidth-m 10000 "
    "--output density.tif",
    inputs=DensityInputs,
    run=run,
    output_formats=FORMATS,
    result_layers=("point_density",),
)
