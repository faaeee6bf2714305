"""Which parts of which standards are kept; each class stands here only with the test that shows it."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api.routes.links import link
from api.routes.query import check_format, check_parameters

router = APIRouter(tags=["pages"])
_FEATURES = "http://www.opengis.net/spec/ogcapi-features-{}/1.0/conf/{}"
_CQL2 = "http://www.opengis.net/spec/cql2/1.0/conf/{}"
_TILES = "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/{}"
_PROCESSES = "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/{}"
CLASSES = (
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-common-2/1.0/conf/collections",
    *(_FEATURES.format(1, name) for name in ("core", "geojson", "html", "oas30")),
    _FEATURES.format(2, "crs"),
    *(_FEATURES.format(3, name) for name in ("queryables", "queryables-query-parameters", "filter", "features-filter")),
    *(
        _CQL2.format(name)
        for name in (
            "cql2-text",
            "cql2-json",
            "basic-cql2",
            "advanced-comparison-operators",
            "case-insensitive-comparison",
            "accent-insensitive-comparison",
            "basic-spatial-functions",
            "basic-spatial-functions-plus",
            "spatial-functions",
            "temporal-functions",
            "property-property",
            "arithmetic",
        )
    ),
    *(_TILES.format(name) for name in ("core", "tileset", "tilesets-list", "geodata-tilesets", "oas30", "mvt", "png")),
    *(_PROCESSES.format(name) for name in ("core", "ogc-process-description", "json", "oas30", "job-list", "dismiss")),
)


@router.get("/conformance", summary="Conformance classes")
def show_conformance(request: Request, f: str = "json") -> JSONResponse:
    """Return the conformance classes that hold."""
    check_parameters(request, ("f",))
    check_format(f, ("json",))
    return JSONResponse({"conformsTo": list(CLASSES), "links": [link(request, "/conformance", "self")]})
