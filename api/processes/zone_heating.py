"""供热半径范围: zones around heat and power plants, and the coal boilers inside."""

from typing import Annotated

import geopandas as gpd
from pydantic import Field

from api.processes.base import Cli, Inputs, Outcome, Process, ResultLayer
from api.processes.context import Context
from layers.heating_zones import heating_zones
from web_map.report import ReportLayer


class HeatingInputs(Inputs):
    """Which plants and which boilers."""

    chp: Annotated[str, Cli(metavar="FILE|LAYER")] = Field(
        "chp_units", description="heat and power units or plants: a file or a layer", examples=["chp_units", "chp.csv"]
    )
    boilers: Annotated[str | None, Cli(metavar="FILE|LAYER")] = Field(
        None,
        description="boilers to judge: a file or a layer; without it the layer boilers is taken, if it is there",
        examples=["boilers", "boilers.xlsx"],
    )


def _boilers(inputs: HeatingInputs, context: Context) -> gpd.GeoDataFrame | None:
    if inputs.boilers is not None:
        return context.ledger(inputs.boilers, "boilers")
    return context.ledger("boilers", "boilers") if context.has_layer("boilers") else None


def run(inputs: HeatingInputs, context: Context) -> Outcome:
    """Draw the zones and judge each boiler by its geodesic distance."""
    boilers = _boilers(inputs, context)
    result = heating_zones(context.ledger(inputs.chp, "chp_units"), boilers)
    plants = result.zones[result.zones["kind"] == "plant"]
    layers = {"heating_zones": ResultLayer(result.zones, "heating_zones")}
    page = [ReportLayer(plants.sort_values("n_coal_boilers", ascending=False), "heating_zones", listed=True)]
    found_zh, found_en = "未提供锅炉", "no boilers were given"
    if boilers is not None:
        layers["heating_boilers"] = ResultLayer(result.boilers, "heating_boilers")
        to_close = result.boilers[result.boilers["action"] == "close_or_integrate"]
        inside = len(to_close)
        page.append(ReportLayer(to_close, "heating_boilers", listed=True))
        found_zh = f"范围内应关停整合的燃煤锅炉 {inside} 台"
        found_en = f"{inside} coal boilers inside to close or integrate"
    return Outcome(
        layers=layers,
        summary_zh=f"{len(plants)} 座热电厂的供热范围；{found_zh}",
        summary_en=f"zones of {len(plants)} plants; {found_en}",
        warnings=tuple(result.warnings),
        page=page,
    )


PROCESS = Process(
    id="zone-heating",
    command=("zone", "heating"),
    title_zh="供热半径范围",
    title_en="Heating zones",
    description_zh="30 万千瓦及以上热电联产机组周边 30 公里、其他机组周边 15 公里，以及范围内应关停整合的燃煤锅炉。",
    description_en="30 km around CHP plants with units of 300 MW or more, 15 km around the others, "
    "and the coal boilers inside that are to close or integrate.",
    example="suyuan zone heating --chp chp.csv --boilers boilers.xlsx --output zones.geojson",
    inputs=HeatingInputs,
    run=run,
    output_formats=(".geojson", ".gpkg", ".kml", ".shp", ".csv", ".xlsx", ".fgb", ".parquet", ".pdf"),
    result_layers=("heating_zones", "heating_boilers"),
)
