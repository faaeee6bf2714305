"""Every layer that Suyuan knows, by id."""

from dataclasses import replace

from geo.errors import InvalidInput
from layers.duties import UNMONITORED_SITES, UNMONITORED_STACKS
from layers.ledgers import LEDGERS
from layers.mobile_tracks import MOBILE_TRACKS
from layers.response_ledgers import RESPONSE_LEDGERS
from layers.response_results import RESPONSE_RESULTS
from layers.results import RESULTS
from layers.schema import Field, LayerSchema

SYNTHETIC = Field("synthetic", "模拟数据", "Synthetic", "bool", synonyms=("是否模拟",))

SCHEMAS: dict[str, LayerSchema] = {
    schema.id: replace(schema, fields=(*schema.fields, SYNTHETIC))
    for schema in (
        *LEDGERS,
        MOBILE_TRACKS,
        *RESPONSE_LEDGERS,
        *RESULTS,
        *RESPONSE_RESULTS,
        UNMONITORED_SITES,
        UNMONITORED_STACKS,
    )
}


class UnknownLayer(InvalidInput):
    """No layer, or no kind of layer, has this id."""


def get_schema(layer: str) -> LayerSchema:
    """Return the schema with this id.

    Raises
    ------
    UnknownLayer
        No layer has this id; the message lists those there are.
    """
    try:
        return SCHEMAS[layer]
    except KeyError:
        raise UnknownLayer(f"unknown layer {layer!r}; the layers are {', '.join(SCHEMAS)}") from None
