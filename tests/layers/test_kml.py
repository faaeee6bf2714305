"""KML and KMZ: own exports come back, other programs' files come in, broken ones are one clear line."""

import zipfile

import pytest

from geo.errors import InvalidInput
from layers.catalogue import get_schema
from layers.files import read_vector
from layers.ingest import ingest
from layers.writers import write_vector

PLACES = """<?xml version="1.0" encoding="UTF-8"?>
<kml xmlns="http://www.opengis.net/kml/2.2"><Document>
<Folder><name>A</name>
<Placemark id="p1"><name>甲园区</name><ExtendedData><Data name="园区级别"><value>市级</value></Data></ExtendedData>
<Polygon><outerBoundaryIs><LinearRing><coordinates>
119.0,34.0,5 119.1,34.0,5 119.1,34.1,5 119.0,34.1,5 119.0,34.0,5</coordinates></LinearRing></outerBoundaryIs>
<innerBoundaryIs><LinearRing><coordinates>119.04,34.04 119.06,34.04 119.06,34.06 119.04,34.04</coordinates>
</LinearRing></innerBoundaryIs></Polygon></Placemark></Folder>
<Folder><Placemark><name>乙园区</name><Point><coordinates>119.2,34.6</coordinates></Point></Placemark></Folder>
EXTRA</Document></kml>
"""


def kml(path, extra=""):
    path.write_text(PLACES.replace("EXTRA", extra), encoding="utf-8")
    return path


def test_placemarks_of_all_folders_come_in_with_their_data(tmp_path):
    report = ingest(kml(tmp_path / "p.kml"), get_schema("parks"))
    assert report.rejected.empty
    assert report.accepted["name"].tolist() == ["甲园区", "乙园区"]
    assert report.accepted["level"].fillna("").tolist() == ["city_and_above", ""]
    area, point = report.accepted.geometry
    assert (area.geom_type, len(area.interiors), area.has_z) == ("Polygon", 1, False)
    assert (point.x, point.y) == (119.2, 34.6)


def test_a_kmz_is_the_same(tmp_path):
    with zipfile.ZipFile(tmp_path / "p.kmz", "w") as archive:
        archive.write(kml(tmp_path / "p.kml"), "doc.kml")
    one, two = read_vector(tmp_path / "p.kml"), read_vector(tmp_path / "p.kmz")
    assert one.equals(two)


@pytest.mark.parametrize("ending", ["kml", "parquet", "fgb", "gpkg"])
def test_boilers_go_out_and_come_back(root, tmp_path, ending):
    first = ingest(root / "data_samples" / "boilers.csv", get_schema("boilers")).accepted
    write_vector(first, tmp_path / f"b.{ending}")
    report = ingest(tmp_path / f"b.{ending}", get_schema("boilers"))
    assert report.rejected.empty
    again = report.accepted
    for name in get_schema("boilers").names:
        assert again[name].astype(object).tolist() == first[name].astype(object).tolist(), name
    assert again.geometry.geom_equals_exact(first.geometry, 1e-9).all()


BROKEN = {
    "cut off": (PLACES[:300].encode(), "not KML or is cut off"),
    "other xml": (b"<gpx></gpx>", "XML but not KML"),
    "no place": (b"<kml><NetworkLink/></kml>", "holds no placemark"),
    "entities": (b'<!DOCTYPE kml [<!ENTITY a "b">]><kml>&a;</kml>', "declares entities"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_one_clear_line(tmp_path, case):
    data, message = BROKEN[case]
    (tmp_path / "p.kml").write_bytes(data)
    with pytest.raises(InvalidInput, match=message) as caught:
        read_vector(tmp_path / "p.kml")
    assert "\n" not in str(caught.value)
    (tmp_path / "p.kmz").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(InvalidInput, match="not a KMZ archive"):
        read_vector(tmp_path / "p.kmz")


def test_a_placemark_without_usable_place_is_named(tmp_path):
    bad = "<Placemark><name>丙</name><Point><coordinates>119.2;34</coordinates></Point></Placemark><Placemark/>"
    report = ingest(kml(tmp_path / "p.kml", bad), get_schema("parks"), accept_good=True)
    assert report.rejected["row"].unique().tolist() == [3, 4]
    assert len(report.accepted) == 2
