"""Survey metres to degrees, against the national reference systems of the EPSG register."""

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely
from pyproj import Transformer

from geo.errors import InvalidInput
from geo.geodesic import distance_m
from layers.catalogue import get_schema
from layers.files import read_vector
from layers.gauss_kruger import Reference
from layers.ingest import ingest

LON, LAT = np.array([119.2, 118.7, 119.4]), np.array([34.6, 34.9, 34.1])
# EPSG: 3-degree zone 40 with prefix, 6-degree zone 20 with prefix, central meridian 120 E without prefix.
THREE_DEGREES, SIX_DEGREES, BARE = 4528, 4498, 4549


def sheet(path, code, *, header="name,x,y", northing_first=False, bad=""):
    east, north = Transformer.from_crs(4490, code, always_xy=True).transform(LON, LAT)
    pairs = zip(north, east, strict=True) if northing_first else zip(east, north, strict=True)
    rows = "\n".join(f"p{i},{a:.4f},{b:.4f}" for i, (a, b) in enumerate(pairs))
    path.write_text(f"{header}\n{rows}\n{bad}", encoding="utf-8")
    return path


def off(frame):
    return distance_m(frame.geometry.x.to_numpy(), frame.geometry.y.to_numpy(), LON, LAT).max()


@pytest.mark.parametrize("code", [THREE_DEGREES, SIX_DEGREES])
@pytest.mark.parametrize("northing_first", [True, False])
@pytest.mark.parametrize("header", ["name,x,y", "name,X坐标,Y坐标", "name,横坐标（m）,纵坐标（m）"])
def test_the_zone_in_front_decides_whichever_axis_is_called_x(tmp_path, code, northing_first, header):
    path = sheet(tmp_path / "s.csv", code, header=header, northing_first=northing_first)
    assert off(read_vector(path)) < 0.01
    notes = " ".join(ingest(path, get_schema("parks")).notes)
    assert "taken as CGCS2000" in notes
    assert ("central meridian 120 E" if code == THREE_DEGREES else "central meridian 117 E") in notes
    assert ("northing, as its size shows" in notes) == northing_first


def test_without_a_zone_it_must_be_declared_or_be_the_only_one_among_the_districts(tmp_path, root):
    path = sheet(tmp_path / "s.csv", BARE)
    with pytest.raises(InvalidInput, match="--central-meridian"):
        ingest(path, get_schema("parks"))
    assert off(ingest(path, get_schema("parks"), reference=Reference(120.0)).accepted) < 0.01
    assert off(ingest(path, get_schema("parks"), reference=Reference(117.0)).accepted) > 200_000
    districts = read_vector(root / "data_samples" / "districts.geojson")
    report = ingest(path, get_schema("parks"), reference=Reference(districts=districts))
    assert off(report.accepted) < 0.01
    assert "central meridian 120 E: the only one" in " ".join(report.notes)
    far = districts.set_geometry(districts.geometry.translate(yoff=-8))
    with pytest.raises(InvalidInput, match="--central-meridian"):
        ingest(path, get_schema("parks"), reference=Reference(districts=far))
    with pytest.raises(InvalidInput, match="not between 70 and 140"):
        ingest(path, get_schema("parks"), reference=Reference(40.0))


def test_a_row_that_is_no_metres_is_refused_alone(tmp_path):
    path = sheet(tmp_path / "s.csv", THREE_DEGREES, bad="q,119.2,34.6\nr,,\n")
    report = ingest(path, get_schema("parks"), accept_good=True)
    assert report.rejected["row"].tolist() == [4, 5, 5]
    assert "Gauss-Kruger" in report.rejected["reason_en"].iloc[0]
    assert off(report.accepted) < 0.01


def test_a_shapefile_without_its_prj_is_read_by_its_zone(tmp_path):
    east, north = Transformer.from_crs(4490, THREE_DEGREES, always_xy=True).transform(LON, LAT)
    square = shapely.box(east[0] - 50, north[0] - 50, east[0] + 50, north[0] + 50)
    frame = gpd.GeoDataFrame({"name": ["a"]}, geometry=[square], crs=THREE_DEGREES)
    pyogrio.write_dataframe(frame, tmp_path / "p.shp")
    (tmp_path / "p.prj").unlink()
    centre = read_vector(tmp_path / "p.shp").geometry.iloc[0].centroid
    assert distance_m(centre.x, centre.y, LON[0], LAT[0]) < 0.1


def test_metres_of_no_zone_in_china_are_refused(tmp_path):
    (tmp_path / "s.csv").write_text("name,x,y\na,500000,9000000\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match="not degrees nor Gauss-Kruger metres"):
        read_vector(tmp_path / "s.csv")
