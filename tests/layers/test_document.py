"""What the catalogue says of itself: the page and the JSON Schemas."""

import json

import pytest

from layers.catalogue import SCHEMAS, get_schema
from layers.document import document
from layers.files import read_vector
from layers.ingest import ingest
from layers.json_schema import json_schema
from layers.writers import write_vector


def test_the_page_is_not_stale(root):
    page = (root / "docs" / "layers.md").read_text("utf-8")
    assert page == document(), "run python -m layers.document docs/layers.md"


def test_the_page_has_every_field_of_every_layer():
    sections = {part.split("`", 2)[1]: part for part in document().split("### ")[1:]}
    assert set(sections) == set(SCHEMAS)
    for layer, schema in SCHEMAS.items():
        rows = [line for line in sections[layer].splitlines() if line.startswith("| `")]
        assert [row.split("`", 2)[1] for row in rows] == list(schema.names)
        assert {row.count("|") for row in rows} == {8}
    assert "万千瓦 × 10" in sections["chp_units"]
    assert "0 - 5000 t/h" in sections["boilers"]


@pytest.mark.parametrize("layer", SCHEMAS)
def test_the_schema_is_plain_json_with_every_field(layer):
    published = json_schema(get_schema(layer))
    assert json.loads(json.dumps(published)) == published
    assert list(published["properties"]["properties"]["properties"]) == list(get_schema(layer).names)


def test_a_field_says_its_type_unit_range_and_choices():
    fields = json_schema(get_schema("boilers"))["properties"]["properties"]["properties"]
    assert fields["capacity_tph"] == {
        "type": "number",
        "title": "容量",
        "x-title-en": "Capacity",
        "x-unit": "t/h",
        "minimum": 0,
        "maximum": 5000,
    }
    assert fields["status"]["type"] == ["string", "null"]
    assert fields["status"]["enum"] == ["operating", "standby", "closed", None]
    assert fields["fuel"]["enum"] == ["coal", "gas", "biomass", "oil"]


def test_what_is_stored_keeps_to_the_schema(root, tmp_path):
    """The sample boilers, accepted and written as GeoJSON, against the published schema, checked by hand."""
    report = ingest(root / "data_samples" / "boilers.csv", get_schema("boilers"))
    write_vector(report.accepted, tmp_path / "b.geojson")
    assert len(read_vector(tmp_path / "b.geojson")) == 120
    schema = json_schema(get_schema("boilers"))["properties"]
    types = {"string": str, "number": (int, float), "integer": int, "boolean": bool, "null": type(None)}
    for feature in json.loads((tmp_path / "b.geojson").read_text("utf-8"))["features"]:
        assert feature["geometry"]["type"] in schema["geometry"]["properties"]["type"]["enum"]
        for name, rule in schema["properties"]["properties"].items():
            value = feature["properties"].get(name)
            allowed = [rule["type"]] if isinstance(rule["type"], str) else rule["type"]
            assert any(isinstance(value, types[one]) for one in allowed)
            assert value in rule.get("enum", [value])
