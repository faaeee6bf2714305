"""Damaged files of every format: one clear error, never another kind."""

import random
import zipfile
from pathlib import Path

import geopandas as gpd
import pytest
from shapely.geometry import Point

from geo.errors import InvalidInput
from layers.catalogue import get_schema
from layers.ingest import ingest
from layers.writers import write_vector

SUFFIXES = (".geojson", ".gpkg", ".kml", ".csv", ".xlsx", ".parquet", ".fgb", ".zip")


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Return a file with bytes changed, cut off, put in or taken out."""
    found, place = bytearray(data), chance.randrange(len(data))
    kind = chance.randrange(4)
    if kind == 0:
        for _ in range(chance.choice((1, 3, 20))):
            found[chance.randrange(len(found))] = chance.randrange(256)
    elif kind == 1:
        del found[max(place, 1) :]
    elif kind == 2:
        found[place:place] = chance.randbytes(chance.randrange(1, 40))
    else:
        del found[place : min(place + chance.randrange(1, 60), len(found) - 1)]
    return bytes(found)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return one small file of each format."""
    folder = tmp_path_factory.mktemp("whole")
    frame = gpd.GeoDataFrame(
        {"id": ["s1", "s2"], "name": ["甲站", "乙站"], "level": "national"},
        geometry=[Point(119.1, 34.6), Point(119.2, 34.7)],
        crs=4326,
    )
    for suffix in SUFFIXES[:-1]:
        write_vector(frame, folder / f"x{suffix}")
    frame.to_file(folder / "s.shp", encoding="utf-8")
    with zipfile.ZipFile(folder / "x.zip", "w") as archive:
        for part in folder.glob("s.*"):
            archive.write(part, part.name)
    return {suffix: (folder / f"x{suffix}").read_bytes() for suffix in SUFFIXES}


@pytest.mark.filterwarnings("ignore::RuntimeWarning:pyogrio")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damage_is_invalid_input_or_nothing(tmp_path: Path, whole: dict[str, bytes], suffix: str) -> None:
    chance, refused = random.Random(7), 0
    for number in range(15):
        path = tmp_path / f"{number}{suffix}"
        path.write_bytes(damaged(whole[suffix], chance))
        try:
            refused += ingest(path, get_schema("stations"), accept_good=True).rejected_rows > 0
        except InvalidInput:
            refused += 1
    assert refused > 3


def test_lists_in_properties_are_text(tmp_path: Path) -> None:
    path = tmp_path / "x.geojson"
    path.write_text(
        '{"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": {"type": "Point", "coordinates":'
        ' [119, 34]}, "properties": {"id": "a", "name": "b", "level": "national", "tags": [1, {"c": "丁"}]}}]}',
        "utf-8",
    )
    accepted = ingest(path, get_schema("stations")).accepted
    assert list(accepted["tags"]) == ['[1, {"c": "丁"}]']


def test_encodings_that_nobody_knows_and_hollow_shapes_are_told(tmp_path: Path) -> None:
    path = tmp_path / "x.kml"
    path.write_bytes(b'<?xml version="1.0" encoding="ZOf-8"?><kml/>')
    with pytest.raises(InvalidInput, match="is not KML or is cut off"):
        ingest(path, get_schema("stations"))
    path.write_text("<kml><Placemark><name>a</name><Polygon/></Placemark></kml>")
    rejected = ingest(path, get_schema("stations"), set_values={"id": "1", "level": "national"}).rejected
    assert "the geometry cannot be read" in set(rejected["reason_en"])
