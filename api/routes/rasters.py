"""Rasters of a layer as pictures for the map."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from api.routes.geojson import rfc3339
from api.routes.links import collection_path
from api.routes.selection import select_one
from api.routes.services import RecordDep, Services, ServicesDep
from geo.errors import MissingData
from geo.rasters import Raster, read_raster
from layers.store import LayerRecord
from web_map.raster_image import raster_image

router = APIRouter(tags=["rasters"])


@router.get("/collections/{collection_id}/rasters/{feature_id}.png", summary="A raster as a picture")
def show_raster_image(services: ServicesDep, record: RecordDep, feature_id: str) -> Response:
    """Return the raster behind a feature as PNG in Web Mercator, transparent where it holds nothing."""
    image = raster_image(_raster(services, record, feature_id))
    return Response(image.png, media_type="image/png", headers={"Cache-Control": "no-cache"})


@router.get("/collections/{collection_id}/rasters/{feature_id}", summary="Where a raster's picture lies")
def show_raster(services: ServicesDep, record: RecordDep, feature_id: str) -> JSONResponse:
    """Return the bounds (west, south, east, north in degrees) between which the picture lies, and what it shows."""
    raster = _raster(services, record, feature_id)
    image = raster_image(raster)
    body: dict[str, Any] = {
        "bounds": list(image.bounds),
        "width": image.width,
        "height": image.height,
        "kind": raster.kind,
        "time": rfc3339(raster.time),
        "image": f"{collection_path(record.id, 'rasters', feature_id)}.png",
    }
    return JSONResponse(body, headers={"Cache-Control": "no-cache"})


def _raster(services: Services, record: LayerRecord, feature_id: str) -> Raster:
    if record.kind != "raster":
        raise MissingData(f"collection {record.id} holds no rasters")
    row = select_one(services, record, feature_id).frame.iloc[0]
    path = services.workspace.rasters.path(str(row["path"]))
    return read_raster(path, time=row["time"], kind=str(row["kind"]))
