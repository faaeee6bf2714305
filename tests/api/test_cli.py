"""The program as its users type it: exit codes, one clear line, nothing half-written."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pypdf
import pytest
import xarray as xr

from api.cli import build_parser
from api.processes import all_processes
from data_samples import folder
from layers.store import Workspace

SAMPLES = folder()


def bytes_of(path: Path) -> dict[str, str]:
    files = (file for file in path.rglob("*") if file.is_file() and file.name != ".lock")
    return {str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def boilers_csv(path: Path, *rows: str, header: str = "name,fuel,capacity_tph,status,lon,lat") -> Path:
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


GOOD_BOILER = "一号,coal,20,operating,119.2,34.6"


def test_each_command_has_help_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    commands = [process.command for process in all_processes()]
    commands += [("demo",), ("serve",), ("layers", "list"), ("layers", "add"), ("layers", "show"), ("layers", "export")]
    commands += [("layers", name) for name in ("template", "history", "diff", "rollback")]
    commands += [("observations", "add"), ("observations", "export")]
    for command in commands:
        with pytest.raises(SystemExit) as leaving:
            build_parser().parse_args([*command, "--help"])
        assert leaving.value.code == 0
        assert f"example: suyuan {' '.join(command)}" in " ".join(capsys.readouterr().out.split())


def loaded_by(code: str) -> set[str]:
    words = [sys.executable, "-c", f"import sys; {code}; print(*sys.modules)"]
    return set(subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()[-1].split())


def test_a_command_does_not_load_what_it_does_not_need() -> None:
    """The libraries of cluster, server, sheets, rasters and the printed page cost a second, at each command."""
    loaded = loaded_by("from api.cli import build_parser; build_parser(['trace'])")
    assert "api.processes.trace" in loaded
    unused = {"distributed", "dask.array", "fpdf", "fastapi", "folium", "fsspec", "openpyxl", "rasterio"}
    assert not {*unused, "api.processes.zone_incident"} & loaded
    loaded = loaded_by("from api.cli import build_parser; build_parser(['--help'])")
    assert "api.processes.zone_incident" in loaded
    assert not {"distributed", "fpdf", "fastapi", "folium", "scipy.stats"} & loaded


@pytest.mark.parametrize("form", ["ARL", "NetCDF"])
def test_a_trace_does_not_load_dask(form: str, tmp_path: Path) -> None:
    """Its arrays take a quarter of a second, and xarray loads them where it is let."""
    met = SAMPLES / "practice_met.arl"
    if form == "NetCDF":
        hour = pd.date_range("2021-10-20", periods=3, freq="h")
        axes = {"valid_time": hour, "pressure_level": [1000.0, 850.0, 500.0], "latitude": [33, 34, 35.0]}
        axes |= {"longitude": [118, 119, 120.0]}
        fields = {name: (list(axes), np.full((3, 3, 3, 3), 280.0), {"units": "K"}) for name in ("t",)}
        fields |= {name: (list(axes), np.ones((3, 3, 3, 3)), {"units": "m s**-1"}) for name in ("u", "v")}
        met = tmp_path / "era5.nc"
        xr.Dataset(fields, axes).to_netcdf(met, engine="h5netcdf")
    words = ["trace", "--met", met, "--start", "2021-10-20T02:00", "--lat", "34", "--lon", "119", "--hours", "-1"]
    words = [str(word) for word in [*words, "--output", tmp_path / "a.csv"]]
    loaded = loaded_by(f"from api.cli import main; main({words!r})")
    assert (tmp_path / "a.csv").exists()
    assert "xarray" in loaded
    assert "dask.array" not in loaded


def test_add_show_export_keeps_every_boiler(suyuan, tmp_path: Path) -> None:
    assert suyuan("layers", "add", "boilers", SAMPLES / "boilers.csv")[0] == 0
    code, out, _ = suyuan("layers", "list")
    assert code == 0
    assert "boilers" in out
    assert "120" in out
    code, out, _ = suyuan("layers", "show", "boilers")
    assert code == 0
    assert "capacity_tph" in out
    for name in ("out.geojson", "out.csv", "out.xlsx", "out.gpkg", "out.shp"):
        assert suyuan("layers", "export", "boilers", tmp_path / name)[0] == 0
    assert len(gpd.read_file(tmp_path / "out.gpkg")) == 120
    assert len(pd.read_excel(tmp_path / "out.xlsx")) == 120
    assert pd.read_csv(tmp_path / "out.csv")["capacity_tph"].sum() == pytest.approx(
        pd.read_csv(SAMPLES / "boilers.csv")["capacity_tph"].sum()
    )


def test_gb18030_sheet_with_chinese_headers_goes_in(suyuan, workspace: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "锅炉.csv"
    sheet.write_bytes("锅炉名称,燃料,容量（蒸吨/小时）,经度,纬度\n甲厂锅炉,燃煤,35,119.2,34.6\n".encode("gb18030"))
    assert suyuan("layers", "add", "boilers", sheet)[0] == 0
    row = Workspace(workspace).read("boilers").iloc[0]
    assert (row["name"], row["fuel"], row["capacity_tph"]) == ("甲厂锅炉", "coal", 35.0)


def test_one_bad_row_keeps_all_out_unless_the_good_ones_are_accepted(suyuan, workspace: Path, tmp_path: Path) -> None:
    sheet = boilers_csv(tmp_path / "b.csv", GOOD_BOILER, "二号,coal,-4,operating,119.2,34.6")
    code, _, err = suyuan("layers", "add", "boilers", sheet)
    assert code == 2
    assert "row 2" in err
    assert "capacity_tph" in err
    assert not (workspace / "layers.gpkg").exists()
    report = tmp_path / "rejected.csv"
    code, out, _ = suyuan("layers", "add", "boilers", sheet, "--accept-good", "--report", report)
    assert (code, len(Workspace(workspace).read("boilers"))) == (0, 1)
    assert "1 added" in out
    assert "1 rejected" in out
    assert pd.read_csv(report)["row"].tolist() == [2]


def test_history_diff_and_rollback_of_a_corrected_ledger(suyuan, workspace: Path, tmp_path: Path) -> None:
    head = "id,name,fuel,capacity_tph,lon,lat\n"
    for number, text in enumerate(["1,甲,coal,10,119.2,34.6\n2,乙,coal,4,119.2,34.6\n", "1,甲,gas,10,119.2,34.6\n"]):
        sheet = tmp_path / f"v{number}.csv"
        sheet.write_text(head + text, encoding="utf-8")
        options = ("--replace",) if number else ()
        assert suyuan("layers", "add", "boilers", sheet, *options)[0] == 0
    code, out, _ = suyuan("layers", "history", "boilers")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["1", "2"]
    assert "v1.csv" in out.splitlines()[1]
    code, out, _ = suyuan("layers", "diff", "boilers", "1", "2", "--output", tmp_path / "d.csv")
    assert code == 0
    assert out.splitlines() == [
        "- 删除 2",
        "~ 修改 1: fuel 'coal' -> 'gas'",
        "boilers 1 -> 2: 0 added, 1 removed, 1 changed",
    ]
    assert pd.read_csv(tmp_path / "d.csv")["column"].tolist()[1] == "fuel"
    assert suyuan("layers", "rollback", "boilers", "1")[0] == 0
    assert Workspace(workspace).read("boilers")["fuel"].tolist() == ["coal", "coal"]
    code, _, err = suyuan("layers", "rollback", "boilers", "9")
    assert (code, "no version 9" in err, err.count("\n")) == (2, True, 1)


BAD_LAYER_INPUT = {
    "not what it says": (("boilers", "b.xlsx"), b"PK no sheet", "b.xlsx"),
    "missing column": (("boilers", "b.csv"), b"name,capacity_tph,lon,lat\nx,2,119.2,34.6\n", "fuel"),
    "latitude of 119": (("boilers", "b.csv"), b"name,fuel,capacity_tph,lon,lat\nx,coal,2,34.6,119.2\n", "119.2"),
    "negative capacity": (("boilers", "b.csv"), b"name,fuel,capacity_tph,lon,lat\nx,coal,-2,119,34\n", "capacity_tph"),
    "unknown layer": (("boiler", "b.csv"), b"name,fuel,capacity_tph,lon,lat\nx,coal,2,119,34\n", "boilers"),
    "wrong datum": (
        ("boilers", "b.csv", "--datum", "wgs48"),
        b"name,fuel,capacity_tph,lon,lat\nx,coal,2,119,34\n",
        "gcj02",
    ),
    "no such file": (("boilers", "missing.csv"), b"", "missing.csv"),
    "unknown field set": (
        ("boilers", "b.csv", "--set", "colour=red"),
        b"name,fuel,capacity_tph,lon,lat\nx,coal,2,119,34\n",
        "colour",
    ),
    "not NAME=VALUE": (("boilers", "b.csv", "--set", "red"), b"name\n", "NAME=VALUE"),
    "a scene that is a table": (("fire_rasters", "b.csv"), b"a,b\n1,2\n", "b.csv"),
}


@pytest.mark.parametrize("case", BAD_LAYER_INPUT)
def test_bad_layer_input_is_one_line_and_changes_nothing(suyuan, workspace: Path, tmp_path: Path, case: str) -> None:
    (layer, file, *options), content, named = BAD_LAYER_INPUT[case]
    assert suyuan("layers", "add", "boilers", boilers_csv(tmp_path / "good.csv", GOOD_BOILER))[0] == 0
    before = bytes_of(workspace)
    if content:
        (tmp_path / file).write_bytes(content)
    code, _, err = suyuan("layers", "add", layer, tmp_path / file, *options)
    assert code == 2
    assert "Traceback" not in err
    last = err.strip().splitlines()[-1]
    assert last.startswith("suyuan: ")
    assert named in err
    assert bytes_of(workspace) == before


def test_zone_heating_on_files_needs_no_workspace(suyuan, workspace: Path, tmp_path: Path) -> None:
    out = tmp_path / "zones.geojson"
    code, said, _ = suyuan(
        "zone", "heating", "--chp", SAMPLES / "chp_units.geojson", "--boilers", SAMPLES / "boilers.csv", "--output", out
    )
    assert code == 0
    assert "36" in said
    assert not workspace.exists()
    zones = gpd.read_file(out)
    assert set(zones["rule"]) == {"chp_300mw_30km", "other_15km"}
    provenance = json.loads(out.read_text("utf-8"))["provenance"]
    assert provenance["process"] == "zone-heating"
    assert {entry["id"] for entry in provenance["inputs"]} == {"chp_units.geojson", "boilers.csv"}
    chp = hashlib.sha256((SAMPLES / "chp_units.geojson").read_bytes()).hexdigest()
    assert chp in {entry["sha256"] for entry in provenance["inputs"]}


def test_zone_heating_as_a_printed_page(suyuan, tmp_path: Path) -> None:
    files = ("--chp", SAMPLES / "chp_units.geojson", "--boilers", SAMPLES / "boilers.csv")
    for language, title in (("zh", "供热半径范围"), ("en", "Heating zones")):
        out = tmp_path / f"{language}.pdf"
        assert suyuan("zone", "heating", *files, "--output", out, "--language", language)[0] == 0
        (page,) = pypdf.PdfReader(out).pages
        assert title in page.extract_text()
        assert "36" in page.extract_text()


def test_zone_heating_without_output_becomes_layers(suyuan, workspace: Path) -> None:
    for layer, file in (("chp_units", "chp_units.geojson"), ("boilers", "boilers.csv")):
        assert suyuan("layers", "add", layer, SAMPLES / file)[0] == 0
    assert suyuan("zone", "heating")[0] == 0
    record = Workspace(workspace).record("heating_boilers")
    assert record.count == 120
    assert record.synthetic, "what is made of practice data says so"


def test_the_same_inputs_give_the_same_bytes(suyuan, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    moved = shutil.copy(SAMPLES / "boilers.csv", tmp_path / "elsewhere")
    for sheet, name in ((SAMPLES / "boilers.csv", "a.geojson"), (moved, "b.geojson")):
        assert suyuan("hotspots", "gi", sheet, "--value", "capacity_tph", "--output", tmp_path / name)[0] == 0
    assert (tmp_path / "a.geojson").read_bytes() == (tmp_path / "b.geojson").read_bytes()


def test_hotspots_gi_writes_the_contracts_columns(suyuan, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    lon, lat = 119 + rng.random(60), 34 + rng.random(60)
    value = 10 + rng.random(60) + 40 * (np.hypot(lon - 119.3, lat - 34.3) < 0.2)
    frame = gpd.GeoDataFrame({"浓度": value}, geometry=gpd.points_from_xy(lon, lat), crs=4326)
    frame.to_file(tmp_path / "p.geojson", driver="GeoJSON")
    out = tmp_path / "hot.geojson"
    assert suyuan("hotspots", "gi", tmp_path / "p.geojson", "--value", "浓度", "--output", out)[0] == 0
    result = gpd.read_file(out)
    assert {"浓度", "z", "p", "p_fdr", "class"} <= set(result.columns)
    assert set(result["class"]) <= set(range(-3, 4))
    near = np.hypot(lon - 119.3, lat - 34.3) < 0.1
    assert (result["class"][near] == 3).all()


def test_hotspots_moran_writes_the_contracts_columns(suyuan, tmp_path: Path) -> None:
    out = tmp_path / "moran.geojson"
    words = ("hotspots", "moran", SAMPLES / "boilers.csv", "--value", "capacity_tph", "--permutations", "99")
    assert suyuan(*words, "--output", out)[0] == 0
    result = gpd.read_file(out)
    assert {"local_i", "z", "p", "p_fdr", "class", "quadrant"} <= set(result.columns)
    assert set(result["quadrant"].dropna()) <= {"HH", "LL", "HL", "LH"}
    assert result["p"].min() >= 0.02


def test_hotspots_emerging_gives_each_place_a_pattern(suyuan, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    lon, lat, months = 119 + rng.random(30), 34 + rng.random(30), [f"2021-{month:02d}-01" for month in range(1, 13)]
    frame = gpd.GeoDataFrame(
        {"station": np.repeat(np.arange(30), 12), "month": months * 30, "v": rng.random(360)},
        geometry=gpd.points_from_xy(np.repeat(lon, 12), np.repeat(lat, 12)),
        crs=4326,
    )
    frame.to_file(tmp_path / "p.geojson", driver="GeoJSON")
    frame[frame["month"] < "2021-10"].to_file(tmp_path / "short.geojson", driver="GeoJSON")
    words = ("--value", "v", "--time", "month", "--id", "station", "--window", "neighbourhood")
    out = tmp_path / "e.geojson"
    assert suyuan("hotspots", "emerging", tmp_path / "p.geojson", *words, "--output", out)[0] == 0
    result = gpd.read_file(out)
    assert len(result) == 30
    assert result["pattern"].notna().all()
    code, _, errors = suyuan("hotspots", "emerging", tmp_path / "short.geojson", *words, "--output", out)
    assert code == 2
    assert "9 time steps" in errors


BAD_PROCESS_INPUT = {
    "too few permutations": (
        ("hotspots", "moran", "{boilers}", "--value", "capacity_tph", "--permutations", "5"),
        "permutations 5",
    ),
    "no such column": (("hotspots", "gi", "{boilers}", "--value", "pm25"), "pm25"),
    "neighbours nonsense": (("hotspots", "gi", "{boilers}", "--value", "capacity_tph", "--neighbours", "knn:x"), "knn"),
    "no value": (("hotspots", "gi", "{boilers}"), "--value"),
    "no file": (("hotspots", "gi", "nowhere.geojson", "--value", "x"), "nowhere.geojson"),
    "not a vector file": (("hotspots", "gi", "{met}", "--value", "x"), "practice_met.arl"),
    "chp without capacity": (("zone", "heating", "--chp", "{boilers}"), "capacity_mw"),
    "no chp layer": (("zone", "heating"), "workspace"),
    "unknown output": (("zone", "heating", "--chp", "{chp}", "--output", "{tmp}/zones.dwg"), ".geojson"),
    "no such folder": (("zone", "heating", "--chp", "{chp}", "--output", "{tmp}/none/z.geojson"), "none"),
    "unknown option": (("zone", "heating", "--chips", "x"), "--chips"),
    "hours not a number": (("trace", "--met", "{met}", "--start", "2021-10-20T00:00", "--hours", "day"), "--hours"),
    "latitude of 119": (
        ("trace", "--met", "{met}", "--start", "2021-10-20T00:00", "--lat", "119", "--lon", "34", "--hours", "-3"),
        "--lat 119",
    ),
    "no place": (("trace", "--met", "{met}", "--start", "2021-10-20T00:00", "--hours", "-3"), "lat and lon"),
    "zero hours": (
        ("trace", "--met", "{met}", "--start", "2021-10-20T00:00", "--lat", "34", "--lon", "119", "--hours", "0"),
        "hours",
    ),
    "outside the period": (
        ("trace", "--met", "{met}", "--start", "2020-10-20T00:00", "--lat", "34", "--lon", "119", "--hours", "-3"),
        "2021-10-15",
    ),
    "outside the grid": (
        ("trace", "--met", "{met}", "--start", "2021-10-20T00:00", "--lat", "0", "--lon", "0", "--hours", "-3"),
        "outside the meteorology",
    ),
    "not meteorology": (
        ("trace", "--met", "{boilers}", "--start", "2021-10-20T00:00", "--lat", "34", "--lon", "119", "--hours", "-3"),
        "boilers.csv",
    ),
    "truncated meteorology": (
        ("trace", "--met", "{cut}", "--start", "2021-10-20T00:00", "--lat", "34", "--lon", "119", "--hours", "-3"),
        "cut.arl",
    ),
    "step without unit": (
        (
            *("trace", "--met", "{met}", "--start", "2021-10-20T00:00", "--lat", "34", "--lon", "119"),
            *("--hours", "-3", "--step", "10"),
        ),
        "10min",
    ),
}


@pytest.mark.parametrize("case", BAD_PROCESS_INPUT)
def test_bad_process_input_is_one_line(suyuan, workspace: Path, tmp_path: Path, case: str) -> None:
    arguments, named = BAD_PROCESS_INPUT[case]
    met = SAMPLES / "practice_met.arl"
    (tmp_path / "cut.arl").write_bytes(met.read_bytes()[: met.stat().st_size // 2 - 7])
    places = {
        "boilers": SAMPLES / "boilers.csv",
        "chp": SAMPLES / "chp_units.geojson",
        "met": met,
        "cut": tmp_path / "cut.arl",
        "tmp": tmp_path,
    }
    code, out, err = suyuan(*(text.format(**places) for text in arguments))
    assert (code, out) == (2, "")
    lines = err.strip().splitlines()
    assert len(lines) == 1, err
    assert named in err
    assert not workspace.exists()


def test_observations_twice_do_not_double(suyuan, tmp_path: Path) -> None:
    code, out, err = suyuan("observations", "add", SAMPLES / "observations.csv")
    assert code == 0, err
    assert "35811 added" in out
    code, out, _ = suyuan("observations", "add", SAMPLES / "observations.csv")
    assert "0 added" in out
    assert suyuan("observations", "export", tmp_path / "o.csv")[0] == 0
    assert len(pd.read_csv(tmp_path / "o.csv")) == 35811


def test_a_port_in_use_is_said_before_anything_is_computed(suyuan, workspace: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for command in ("serve", "demo"):
            if command == "serve":
                workspace.mkdir()
            code, _, err = suyuan(command, "--port", port)
            assert code == 2
            assert str(port) in err
            assert len(err.strip().splitlines()) == 1
            if command == "serve":
                shutil.rmtree(workspace)
    assert not workspace.exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::"])
def test_an_address_that_others_reach_is_refused(suyuan, host: str) -> None:
    code, _, err = suyuan("serve", "--host", host)
    assert code == 2
    assert "127.0.0.1" in err


def test_demo_leaves_a_folder_with_work_alone(suyuan, workspace: Path, tmp_path: Path) -> None:
    assert suyuan("layers", "add", "boilers", boilers_csv(tmp_path / "good.csv", GOOD_BOILER))[0] == 0
    before = bytes_of(workspace)
    code, _, err = suyuan("demo", "--no-serve")
    assert code == 2
    assert "--workspace" in err
    assert bytes_of(workspace) == before


def test_the_installed_program_runs_without_a_workspace(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("suyuan")
    environment = {**os.environ, "SUYUAN_WORKSPACE": str(tmp_path / "none")}
    done = subprocess.run([program, "layers", "list"], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "none" in done.stderr
