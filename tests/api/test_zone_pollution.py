"""`suyuan zone pollution`: classes that fit together, chances, districts, people; and clear words where it cannot."""

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pypdf
import pytest
import rasterio
import shapely
import xarray as xr
from scipy.special import ndtr

from geo.sites import to_xyz
from geo.variogram_kernel import Variogram
from layers.store import Workspace

SAMPLES = Path(__file__).parents[2] / "data_samples"
DISTRICTS = SAMPLES / "districts.geojson"


def table(count: int = 30, seed: int = 0) -> pd.DataFrame:
    """Stations over the city, dirtier in the west, some beyond its edge."""
    rng = np.random.default_rng(seed)
    lon, lat = rng.uniform(118.4, 119.8, count), rng.uniform(34.0, 35.1, count)
    value = 230.0 - 160.0 * (lon - 118.4) + rng.normal(0.0, 6.0, count)
    return pd.DataFrame({"name": [f"站{n}" for n in range(count)], "lon": lon, "lat": lat, "pm25": value.round(1)})


@pytest.fixture
def stations(tmp_path: Path) -> Path:
    table().to_csv(tmp_path / "values.csv", index=False)
    return tmp_path / "values.csv"


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A grid of 100 people per km2 everywhere."""
    lat, lon = np.arange(33.5, 35.6, 0.05), np.arange(118.0, 120.4, 0.05)
    data = xr.Dataset({"people": (("lat", "lon"), np.full((len(lat), len(lon)), 100.0))}, {"lat": lat, "lon": lon})
    data.to_netcdf(tmp_path / "people.nc", engine="h5netcdf")
    return tmp_path / "people.nc"


def command(stations: Path | None, **options: object) -> tuple[object, ...]:
    given = {"area": DISTRICTS, "cell-m": 4000} | {key.replace("_", "-"): value for key, value in options.items()}
    listed = ((f"--{name}", value) for name, value in given.items() if value is not None)
    first = () if stations is None else ("--stations", stations)
    return ("zone", "pollution", *first, *(part for pair in listed for part in pair))


def test_classes_make_up_the_city(suyuan, stations, people, workspace, tmp_path):
    out = tmp_path / "zones.geojson"
    code, said, noted = suyuan(*command(stations, population=people, output=out))
    assert code == 0
    assert not workspace.exists()
    assert "variogram" in noted
    assert "leave-one-out" in noted
    zones = gpd.read_file(out)
    assert zones["category"].tolist() == sorted(zones["category"])
    assert zones["from_value"].tolist()[1:] == zones["to_value"].tolist()[:-1]
    assert set(zones["to_value"].dropna()) <= {35.0, 60.0, 115.0, 150.0, 250.0}
    assert zones.geometry.is_valid.all()
    city = gpd.read_file(DISTRICTS).geometry.union_all()
    assert shapely.area(zones.geometry.to_numpy()).sum() == pytest.approx(city.area, rel=1e-6)
    assert shapely.coverage_is_valid(np.concatenate([shapely.get_parts(g) for g in zones.geometry]))
    assert zones["share_pct"].sum() == pytest.approx(100.0)
    assert zones["people_best"].sum() == pytest.approx(100.0 * zones["area_km2"].sum(), rel=1e-3)
    west, east = (shapely.centroid(zones.geometry.iloc[n]).x for n in (-1, 0))
    assert west < east
    assert "东海县" in zones["districts"].iloc[-1]
    assert "ordinary kriging, 30 stations" in zones["assumptions_en"].iloc[0]
    assert "HJ 633-2026" in zones["assumptions_en"].iloc[0]
    assert "does not replace" in said
    assert json.loads(out.read_text("utf-8"))["provenance"]["process"] == "zone-pollution"


def test_as_layers_of_the_workspace(suyuan, stations, people, workspace):
    assert suyuan("layers", "add", "districts", DISTRICTS)[0] == 0
    assert suyuan(*command(stations, area=None, population=people))[0] == 0
    store = Workspace(workspace)
    above, districts, used = (store.read(f"pollution_{name}") for name in ("above", "districts", "stations"))
    for _, rows in above.groupby("level"):
        bands = rows.set_index("band")
        shapes = bands.geometry
        for inner, outer in (("p90", "p50"), ("p50", "p10")):
            if inner in shapes:
                outside = shapely.difference(shapes[inner], shapes[outer])
                assert outside.area < 1e-9 * shapes[outer].area
        assert bands["area_km2"].reindex(["p90", "p50", "p10"]).dropna().is_monotonic_increasing
        middle = bands.loc["p50"]
        assert middle["people_low"] <= middle["people_best"] <= middle["people_high"]
        assert middle["people_high"] == bands.loc["p10", "people_high"]
    # What the classes above a level hold is what lies above it on the surface.
    zones = store.read("pollution_zones")
    for level, rows in above[above["band"] == "p50"].groupby("level"):
        dirtier = zones.loc[zones["from_value"] >= level, "area_km2"].sum()
        assert rows["area_km2"].iloc[0] == pytest.approx(dirtier, rel=1e-5)
    assert districts.groupby("name")["share_pct"].sum().to_numpy() == pytest.approx(100.0, abs=0.01)
    assert len(districts["name"].unique()) == 6
    assert len(used) == 30
    assert used["residual"].to_numpy() == pytest.approx((used["value"] - used["left_out"]).to_numpy())
    assert np.sqrt((used["standardised"] ** 2).mean()) == pytest.approx(1.0, abs=0.7)


def test_beside_the_zones(suyuan, stations, people, tmp_path):
    files = {
        "lists_output": tmp_path / "lists.xlsx",
        "surface_output": tmp_path / "surface.tif",
        "variogram_output": tmp_path / "variogram.svg",
    }
    assert suyuan(*command(stations, population=people, output=tmp_path / "z.pdf", **files))[0] == 0
    sheets = pd.read_excel(tmp_path / "lists.xlsx", sheet_name=None)
    assert len(sheets) == 5
    with rasterio.open(tmp_path / "surface.tif") as raster:
        assert raster.descriptions[:2] == ("pm25", "sd")
        assert "chance_above_115" in raster.descriptions
        west = next(raster.sample([(118.7, 34.55)]))[0]
        east = next(raster.sample([(119.3, 34.55)]))[0]
        assert west > east + 50.0
    figure = (tmp_path / "variogram.svg").read_text("utf-8")
    assert figure.count("<circle") >= 5
    assert "practical range" in figure
    page = pypdf.PdfReader(tmp_path / "z.pdf")
    assert len(page.pages) == 1
    assert "普通克里金" in page.pages[0].extract_text()


@pytest.mark.parametrize("name", ["z.kml", "z.kmz", "z.gpkg", "z.csv", "z.shp"])
def test_formats(suyuan, stations, tmp_path, name):
    out = tmp_path / name
    assert suyuan(*command(stations, output=out, cell_m=8000), "--everything")[0] == 0
    assert out.stat().st_size > 1000
    if name == "z.gpkg":
        assert set(gpd.list_layers(out)["name"]) >= {"z", "pollution_above", "pollution_stations"}


@pytest.mark.parametrize("suffix", ["nc", "csv"])
def test_the_surface_as_a_grid(suyuan, stations, tmp_path, suffix):
    out, surface = tmp_path / "z.geojson", tmp_path / f"s.{suffix}"
    table_out = tmp_path / "v.csv"
    options = {"output": out, "surface_output": surface, "variogram_output": table_out}
    assert suyuan(*command(stations, **options))[0] == 0
    if suffix == "nc":
        with xr.open_dataset(surface, engine="h5netcdf") as data:
            assert {"pm25", "sd", "chance_above_35"} <= set(data.data_vars)
            assert float(data["chance_above_35"].max()) <= 1.0
    else:
        assert {"lon", "lat", "pm25", "sd"} <= set(pd.read_csv(surface).columns)
    lags = pd.read_csv(table_out)
    assert (lags["pairs"] > 0).all()
    assert {"distance_m", "semivariance", "model", "fitted_range_m"} <= set(lags.columns)


def test_the_latest_hour_of_the_workspace(suyuan, workspace, tmp_path):
    for layer, file in (("districts", DISTRICTS), ("stations", SAMPLES / "stations.csv")):
        assert suyuan("layers", "add", layer, file)[0] == 0
    assert suyuan("layers", "add", "stations", SAMPLES / "micro_stations.csv")[0] == 0
    hours = pd.read_csv(SAMPLES / "observations.csv", dtype=str)
    hours[hours["time"].str.startswith("2021-10-19T0")].to_csv(tmp_path / "hours.csv", index=False)
    assert suyuan("observations", "add", tmp_path / "hours.csv")[0] == 0
    out = tmp_path / "z.geojson"
    code, said, _ = suyuan(*command(None, area=None, output=out))
    assert code == 0
    assert "2021-10-19 09:00" in said
    assert gpd.read_file(out)["pollutant"].unique().tolist() == ["aqi"]
    code, said, _ = suyuan(*command(None, area=None, output=out, time="2021-10-19T03:00+08:00", value="so2_ug_m3"))
    assert code == 0
    assert "2021-10-19 03:00" in said
    assert "so2 1h" in gpd.read_file(out)["assumptions_en"].iloc[0]
    code, _, noted = suyuan(*command(None, area=None, output=out, time="2021-11-19T03:00Z"))
    assert (code, noted.count("\n")) == (2, 1)
    assert "no observations at" in noted


def test_drift_by_a_grid_and_by_distance(suyuan, stations, tmp_path):
    lat, lon = np.arange(33.0, 36.0, 0.1), np.arange(117.5, 121.0, 0.1)
    height = np.broadcast_to(120.0 - lon, (len(lat), len(lon)))
    data = xr.Dataset({"z": (("lat", "lon"), height)}, {"lat": lat, "lon": lon})
    data.to_netcdf(tmp_path / "height.nc", engine="h5netcdf")
    coast = gpd.GeoDataFrame({"name": ["coast"]}, geometry=[shapely.LineString([(119.9, 33), (119.9, 36)])], crs=4326)
    coast.to_file(tmp_path / "coast.geojson")
    out = tmp_path / "z.geojson"
    for drift, slope in (("height.nc", 160.0), ("coast.geojson", 160.0 / 91.7)):
        assert suyuan(*command(stations, output=out, drift=tmp_path / drift))[0] == 0
        said = gpd.read_file(out)["assumptions_en"].iloc[0]
        assert "external drift" in said
        found = float(said.split(f"{drift}: ")[1].split(" ")[0])
        assert found == pytest.approx(slope, rel=0.15)


def test_places_get_their_value(suyuan, stations, tmp_path):
    given = table()
    places = pd.DataFrame(
        {"who": ["at a station", "between"], "lon": [given["lon"][0], 119.0], "lat": [given["lat"][0], 34.5]}
    )
    places.to_csv(tmp_path / "in.csv", index=False)
    files = {
        "receptors": tmp_path / "in.csv",
        "receptors_output": tmp_path / "out.csv",
        "output": tmp_path / "z.geojson",
    }
    own = {"model": "exponential", "nugget": 20, "sill": 2500, "range_km": 120}
    assert suyuan(*command(stations, **files, **own))[0] == 0
    found = pd.read_csv(tmp_path / "out.csv")
    assert found["who"].tolist() == ["at a station", "between"]
    assert found["pm25_interpolated"][0] == pytest.approx(given["pm25"][0], abs=1e-3)
    assert found["sd"][0] == pytest.approx(0.0, abs=1e-2)
    # The whole system of ordinary kriging, solved here.
    xyz = to_xyz(given["lon"].to_numpy(), given["lat"].to_numpy())
    target = to_xyz(np.array([119.0]), np.array([34.5]))
    variogram = Variogram("exponential", 20.0, 2480.0, 120_000.0)
    system = np.ones((31, 31))
    system[:30, :30] = variogram.at(np.linalg.norm(xyz[:, None] - xyz, axis=2))
    system[30, 30] = 0.0
    right = np.append(variogram.at(np.linalg.norm(xyz - target, axis=1)), 1.0)
    solved = np.linalg.solve(system, right)
    assert found["pm25_interpolated"][1] == pytest.approx(solved[:30] @ given["pm25"], rel=1e-5)
    assert found["sd"][1] == pytest.approx(np.sqrt(solved @ right), rel=1e-5)
    chance = ndtr((found["pm25_interpolated"][1] - 115.0) / found["sd"][1])
    assert found["chance_above_115"][1] == pytest.approx(chance, abs=1e-4)


@pytest.mark.parametrize(
    ("text", "said"),
    [("x\n1\n", "no column lon, lat"), ("lon,lat\n", "no place"), ("lon,lat\n119,34\n500,3\n", "line 3: lon '500'")],
)
def test_places_that_are_none(suyuan, stations, tmp_path, text, said):
    (tmp_path / "in.csv").write_text(text, "utf-8")
    files = {
        "receptors": tmp_path / "in.csv",
        "receptors_output": tmp_path / "out.csv",
        "output": tmp_path / "z.geojson",
    }
    code, _, noted = suyuan(*command(stations, cell_m=8000, **files))
    assert (code, noted.strip().count("\n")) == (2, 0), noted
    assert said in noted
    assert not (tmp_path / "z.geojson").exists()


def test_few_stations_take_inverse_distance(suyuan, tmp_path):
    table(5).to_csv(tmp_path / "few.csv", index=False)
    out = tmp_path / "z.geojson"
    code, _, noted = suyuan(*command(tmp_path / "few.csv", output=out))
    assert code == 0
    assert "too few to fit a variogram" in noted
    assert "inverse distance" in gpd.read_file(out)["assumptions_en"].iloc[0]
    options = {"nugget": 10, "sill": 3000, "range_km": 80, "output": out}
    assert suyuan(*command(tmp_path / "few.csv", **options))[0] == 0
    assert "ordinary kriging" in gpd.read_file(out)["assumptions_en"].iloc[0]


def test_equal_values_are_one_class(suyuan, tmp_path):
    table().assign(pm25=20.0).to_csv(tmp_path / "same.csv", index=False)
    out = tmp_path / "z.geojson"
    code, said, noted = suyuan(*command(tmp_path / "same.csv", output=out))
    assert code == 0
    assert "above no level" in said
    assert "all 30 values are 20" in noted
    assert len(gpd.read_file(out)) == 1


def test_milligrams_are_not_taken_for_micrograms(suyuan, stations, tmp_path):
    table = pd.read_csv(stations).rename(columns={"pm25": "pm25_ug_m3"})
    asked = ("--area", SAMPLES / "districts.geojson", "--output", tmp_path / "z.geojson")
    found = []
    for column, factor in (("pm25_ug_m3", 1.0), ("pm25_mg_m3", 1000.0), ("PM2.5(毫克/立方米)", 1000.0)):
        path = tmp_path / "values.csv"
        table.assign(**{column: table["pm25_ug_m3"] / factor})[["name", "lon", "lat", column]].to_csv(path, index=False)
        code, said, noted = suyuan("zone", "pollution", "--stations", path, "--value", column, *asked)
        assert code == 0, noted
        found.append(gpd.read_file(tmp_path / "z.geojson")["share_pct"].round(3).tolist())
    assert found[0] == found[1] == found[2]
    # Levels of one's own are in the column's unit.
    code, said, _ = suyuan("zone", "pollution", "--stations", path, "--value", column, "--levels", "0.06", *asked)
    assert code == 0
    assert "> 0.06 mg/m3" in said


def test_own_levels_for_a_value_of_ones_own(suyuan, tmp_path):
    table().rename(columns={"pm25": "dustfall"}).to_csv(tmp_path / "dust.csv", index=False)
    out = tmp_path / "z.geojson"
    code = suyuan(*command(tmp_path / "dust.csv", value="dustfall", output=out), "--levels", "50", "100", "150")[0]
    assert code == 0
    zones = gpd.read_file(out)
    assert zones["to_value"].dropna().tolist() == [50.0, 100.0, 150.0]
    assert zones["category"].isna().all()


def test_the_day_of_a_table_says_the_standard(suyuan, tmp_path):
    out = tmp_path / "z.geojson"
    table().assign(date="2020-01-05").to_csv(tmp_path / "day.csv", index=False)
    assert suyuan(*command(tmp_path / "day.csv", output=out))[0] == 0
    assert "HJ 633-2012 for pm25 24h" in gpd.read_file(out)["assumptions_en"].iloc[0]
    two = pd.concat([table().assign(date=f"2020-01-0{day}", id=range(30)) for day in (5, 6)])
    two.to_csv(tmp_path / "two.csv", index=False)
    code, _, noted = suyuan(*command(tmp_path / "two.csv", output=out))
    assert code == 2
    assert "column date holds 2 days" in noted


def test_same_place_gaps_and_far_stations_are_said(suyuan, tmp_path):
    given = table()
    given.loc[1, ["lon", "lat"]] = given.loc[0, ["lon", "lat"]]
    given.loc[2, "lon"] = 130.0
    given["pm25"] = given["pm25"].astype(object)
    given.loc[3, "pm25"] = "-9999"
    given.loc[4, "pm25"] = ""
    given.to_csv(tmp_path / "given.csv", index=False)
    code, _, noted = suyuan(*command(tmp_path / "given.csv", output=tmp_path / "z.geojson"))
    assert code == 0
    for text in ("2 stations without value", "1 stations lie more than 50 km", "1 stations share a place"):
        assert text in noted


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        ({}, {"value": "pm2"}, "no such column; there are name, pm25"),
        ({"pm25": np.nan}, {}, "none of 30 stations has a value"),
        ({"pm25": "high"}, {}, "'high' is no number"),
        ({"pm25": -5.0}, {}, "below 0"),
        ({"lon": 100.0}, {}, "more than 50 km outside"),
        ({}, {"area": "none.geojson"}, "no such file"),
        ({}, {"area": None}, "--area FILE"),
        ({}, {"stations": "none.csv"}, "no such file"),
        ({}, {"stations": None}, "give --stations FILE"),
        ({}, {"cell_m": 0}, "1 to 100000 m"),
        ({}, {"cell_m": 1}, "larger cells"),
        ({}, {"power": -1}, "above 0"),
        ({}, {"sill": 5}, "all three"),
        ({}, {"nugget": 9, "sill": 5, "range_km": 3}, "sill above it"),
        ({}, {"method": "idw", "drift": DISTRICTS}, "no drift"),
        ({}, {"method": "best"}, "auto"),
        ({}, {"levels": 0}, None),
        ({"dust": 3.0}, {"value": "dust"}, "give --levels"),
        ({}, {"output": "z.dwg"}, ".geojson"),
        ({}, {"lists_output": "l.pdf"}, ".xlsx or .csv"),
        ({}, {"surface_output": "s.png"}, ".tif, .nc or .csv"),
        ({}, {"variogram_output": "v.png"}, ".svg or .csv"),
        ({}, {"variogram_output": "v.svg", "method": "idw"}, "no variogram"),
        ({}, {"receptors": "in.csv"}, "belong together"),
        ({}, {"receptors": "in.csv", "receptors_output": "out.pdf"}, ".csv or .xlsx"),
        ({}, {"time": "soon"}, "--time soon"),
    ],
)
def test_bad_input_is_one_line(suyuan, tmp_path, change, options, said):
    given = table().assign(**change)
    given.to_csv(tmp_path / "values.csv", index=False)
    options = {"output": tmp_path / "z.geojson", "stations": tmp_path / "values.csv", "cell_m": 8000} | options
    first = options.pop("stations")
    code, _, noted = suyuan(*command(first, **options))
    if said is None:
        assert code == 0
        return
    assert (code, noted.strip().count("\n")) == (2, 0), noted
    assert said in noted
    assert not list(tmp_path.glob("z.*"))


@pytest.mark.parametrize("count", [1, 2])
def test_one_or_two_stations_are_no_surface(suyuan, tmp_path, count):
    table(count).to_csv(tmp_path / "values.csv", index=False)
    code, _, noted = suyuan(*command(tmp_path / "values.csv", output=tmp_path / "z.geojson"))
    assert code == 2
    assert "at least 3 are needed" in noted
