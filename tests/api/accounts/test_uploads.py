"""Uploads: the rules of the command line over HTTP, limits while the bytes come, nothing left behind."""

import io
import tempfile
import zipfile
from pathlib import Path

import geopandas as gpd
import pytest
from shapely.geometry import Point, box

import api.routes.upload_files as upload_files
from api.accounts.store import Accounts
from api.app import create_app
from api.cli import main
from api.routes.upload_files import remove_leftovers
from api.settings import Settings
from layers.store import Workspace
from layers.writers import write_vector

GOOD = "名称,燃料,容量,lon,lat\n甲厂,燃煤,35,119.1,34.6\n乙厂,燃气,10,119.2,34.7\n"
BAD = GOOD + "丙厂,煤气炉子,-4,119.3,34.8\n丁厂,燃煤,7,,\n"
HOURS = "station_id,time,pm25\nA,2025-01-01T00:00+08:00,35\nA,2025-01-01T01:00+08:00,abc\n"


def sent(name: str, content: str | bytes) -> dict[str, tuple[str, bytes]]:
    return {"file": (name, content.encode() if isinstance(content, str) else content)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of temporary files of this test alone."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


def test_a_file_is_stored_with_the_report_of_the_command_line(
    come, accounts: Accounts, tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client, target = come("analyst"), {"target": "boilers"}
    refused = client.post("/uploads", data=target, files=sent("台账.csv", BAD))
    assert refused.status_code == 422
    problem = refused.json()
    assert refused.headers["content-type"] == "application/problem+json"
    assert problem["report"]["stored"] is False
    workspace = Workspace(accounts.path.parent)
    assert not any(record.id == "boilers" for record in workspace.records())
    taken = client.post("/uploads", data={**target, "accept_good": "true"}, files=sent("台账.csv", BAD))
    assert taken.status_code == 201, taken.text
    report = taken.json()
    assert (report["stored"], report["added"], report["file"]) == (True, 2, "台账.csv")
    (tmp_path / "台账.csv").write_text(BAD, "utf-8")
    other = tmp_path / "cli"
    words = ["layers", "add", "boilers", tmp_path / "台账.csv", "--accept-good", "--report", tmp_path / "r.csv"]
    assert main([*map(str, words), "--workspace", str(other)]) == 0
    assert "2 added, 0 updated, 0 unchanged" in capsys.readouterr().out
    told = (tmp_path / "r.csv").read_text("utf-8")
    assert all(str(row["reason_zh"]) in told for row in report["rows"])
    assert (
        workspace.read("boilers")
        .drop(columns="geometry")
        .equals(Workspace(other).read("boilers").drop(columns="geometry"))
    )
    assert workspace.versions("boilers")[-1].who == "analyst"
    assert list(folder.iterdir()) == []


def test_the_datum_is_taken_as_by_the_command_line(come, accounts: Accounts) -> None:
    data = {"target": "boilers", "datum": "gcj02"}
    assert come("analyst").post("/uploads", data=data, files=sent("b.csv", GOOD)).status_code == 201
    first = Workspace(accounts.path.parent).read("boilers").geometry.iloc[0]
    assert first.x == pytest.approx(119.1 - 0.0054, abs=0.0005)


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg", ".kml", ".csv", ".xlsx", ".parquet", ".fgb", ".zip"])
def test_every_format_is_taken(come, accounts: Accounts, tmp_path: Path, suffix: str) -> None:
    frame = gpd.GeoDataFrame(
        {"id": ["s1", "s2"], "name": ["甲站", "乙站"], "level": "national"},
        geometry=[Point(119.1, 34.6), Point(119.2, 34.7)],
        crs=4326,
    )
    path = tmp_path / f"站点{suffix}"
    if suffix == ".zip":
        frame.to_file(tmp_path / "stations.shp", encoding="utf-8")
        with zipfile.ZipFile(path, "w") as archive:
            for part in tmp_path.glob("stations.*"):
                archive.write(part, part.name)
    else:
        write_vector(frame, path)
    answer = come("analyst").post("/uploads", data={"target": "stations"}, files=sent(path.name, path.read_bytes()))
    assert answer.status_code == 201, answer.text
    assert sorted(Workspace(accounts.path.parent).read("stations")["name"]) == ["乙站", "甲站"]


def test_observations_are_taken_by_the_same_rules(come, accounts: Accounts) -> None:
    client = come("analyst")
    refused = client.post("/uploads", data={"target": "observations"}, files=sent("h.csv", HOURS))
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["value"] == "abc"
    data = {"target": "observations", "accept_good": "true"}
    taken = client.post("/uploads", data=data, files=sent("h.csv", HOURS)).json()
    assert (taken["stored"], taken["added"], len(taken["rows"])) == (True, 1, 1)
    assert len(Workspace(accounts.path.parent).observations.read()) == 1


def test_a_file_for_an_analysis_is_kept_and_used(come, accounts: Accounts) -> None:
    area = gpd.GeoSeries([box(119.0, 34.5, 119.3, 34.8)], crs=4326).to_json()
    client, target = come("analyst"), {"target": "files"}
    assert client.post("/uploads", data=target, files=sent("../../范围.geojson", area)).status_code == 201
    kept = accounts.path.parent / "files" / "范围.geojson"
    assert kept.read_text("utf-8") == area
    assert client.post("/uploads", data=target, files=sent("范围.geojson", area)).status_code == 201
    other = client.post("/uploads", data=target, files=sent("范围.geojson", area + " "))
    assert other.status_code == 409
    again = client.post("/uploads", data={**target, "replace": "true"}, files=sent("范围.geojson", area + " "))
    assert again.status_code == 201
    assert sorted(path.name for path in kept.parent.iterdir()) == ["范围.geojson"]


def test_the_folder_of_files_does_not_grow_without_end(accounts: Accounts, ask_app) -> None:
    settings = Settings(workspace=accounts.path.parent, most_files_bytes=1024)
    client = ask_app(create_app(settings))
    client.headers["Authorization"] = f"Bearer {accounts.new_token('admin', 't', 1)[1]}"
    content = "a,b\n" + "1,2\n" * 300
    assert client.post("/uploads", data={"target": "files"}, files=sent("a.csv", content)).status_code == 413


def test_an_upload_is_cut_off_while_it_comes(accounts: Accounts, ask_app, folder: Path) -> None:
    settings = Settings(workspace=accounts.path.parent, most_body_bytes=2000, most_upload_bytes=100_000)
    client = ask_app(create_app(settings))
    client.headers["Authorization"] = f"Bearer {accounts.new_token('analyst', 't', 1)[1]}"
    data = {"target": "boilers"}
    assert client.post("/uploads", data=data, files=sent("b.csv", GOOD + "\n" * 50_000)).status_code == 201
    large = client.post("/uploads", data=data, files=sent("b.csv", GOOD + "\n" * 200_000))
    assert (large.status_code, large.headers["content-type"]) == (413, "application/problem+json")

    def without_end():
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        while True:
            yield b"1,2\n" * 4096

    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    assert sum(1 for _ in zip(without_end(), range(3), strict=False)) == 3
    pieces = (piece for piece, _ in zip(without_end(), range(40), strict=False))
    assert client.post("/uploads", content=b"".join(pieces), headers=kind).status_code == 413
    other = client.post("/uploads", content=b"x" * 3000, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert other.status_code == 413
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("x.exe", b"MZ", "extensions"),
        ("x.gpkg", b"MZ", "GeoPackage"),
        ("x.zip", b"PK\x03\x04", "ZIP"),
        ("x.csv", b"a\x00", "text file"),
        ("x.csv", b"", "empty"),
        ("x.geojson", b"[" * 100_000, "nested"),
        (
            "x.geojson",
            b'{"type":"FeatureCollection","features":[{"properties":{"a":' + b"1" * 5000 + b"}}]}",
            "GeoJSON",
        ),
    ],
)
def test_what_is_no_such_file_is_a_problem_that_says_so(
    come, folder: Path, name: str, content: bytes, told: str
) -> None:
    answer = come("analyst").post("/uploads", data={"target": "stations"}, files=sent(name, content))
    assert answer.status_code == 422, answer.text
    assert told in answer.text
    assert "Traceback" not in answer.text
    assert str(folder) not in answer.text
    assert list(folder.iterdir()) == []


def test_bombs_are_refused_over_http(come, folder: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.shp", bytes(40 * 2**20))
    answer = come("analyst").post("/uploads", data={"target": "parks"}, files=sent("x.zip", buffer.getvalue()))
    assert (answer.status_code, "200 times" in answer.json()["detail"]) == (422, True)
    assert list(folder.iterdir()) == []


def test_forms_that_say_too_little_name_the_field(come) -> None:
    client = come("analyst")
    answer = client.post("/uploads", data={"target": "parks"}, files={"other": ("x.csv", b"a")})
    assert answer.json()["errors"][0]["field"] == "other"
    answer = client.post("/uploads", files=sent("x.csv", GOOD), headers={"Accept-Language": "zh"})
    assert answer.json()["errors"] == [{"field": "target", "value": "", "allowed": "必须填写"}]
    data = {"target": "boilers", "colour": "red"}
    assert client.post("/uploads", data=data, files=sent("x.csv", GOOD)).json()["errors"][0]["field"] == "colour"
    assert client.post("/uploads", data={"target": "nothing"}, files=sent("x.csv", GOOD)).status_code == 404
    assert client.post("/uploads", json={}).status_code == 422


def test_roles_and_pages_of_other_sites(come, browser) -> None:
    files = sent("b.csv", GOOD)
    for role in ("viewer", "emergency"):
        assert come(role).post("/uploads", data={"target": "boilers"}, files=files).status_code == 403
    session, csrf = browser("analyst")
    assert session.post("/uploads", data={"target": "boilers"}, files=files).status_code == 403
    late = session.post("/uploads", data={"target": "boilers", "csrf": csrf}, files=files)
    assert late.status_code == 403, "the token counts where it comes first, before any byte of the file"
    good = session.post("/uploads", data={"csrf": csrf, "target": "boilers"}, files=files)
    assert good.status_code == 201, good.text
    foreign = {"Origin": "https://evil.example"}
    data = {"csrf": csrf, "target": "boilers"}
    assert session.post("/uploads", data=data, files=files, headers=foreign).status_code == 403


def test_pages_show_the_file_s_text_as_text(browser) -> None:
    session, csrf = browser("analyst")
    page = session.get("/uploads?f=html").text
    assert csrf in page
    assert "坐标系" in page
    assert "Upload" in page
    script = "<script>alert(1)</script>"
    content = f"名称,燃料,容量,lon,lat\n甲,{script},35,119,34\n"
    answer = session.post(
        "/uploads",
        data={"csrf": csrf, "target": "boilers"},
        files=sent(f"{script}.csv", content),
        headers={"Accept": "text/html"},
    )
    assert (answer.status_code, script in answer.text, "&lt;script&gt;" in answer.text) == (422, False, True)
    assert "文件中没有，留空" in answer.text
    assert "not in the file, left empty" in answer.text
    assert "script-src 'self'" in answer.headers["content-security-policy"]


def test_more_uploads_than_slots_wait(accounts: Accounts, ask_app) -> None:
    app = create_app(Settings(workspace=accounts.path.parent, running_uploads=1))
    client = ask_app(app)
    client.headers["Authorization"] = f"Bearer {accounts.new_token('analyst', 't', 1)[1]}"
    with app.state.services.uploads.one():
        answer = client.post("/uploads", data={"target": "boilers"}, files=sent("b.csv", GOOD))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert client.post("/uploads", data={"target": "boilers"}, files=sent("b.csv", GOOD)).status_code == 201


def test_a_reader_that_breaks_is_the_file_s_fault(come, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret particulars")

    monkeypatch.setattr("api.routes.uploads.add_to_layer", broken)
    answer = come("analyst").post("/uploads", data={"target": "boilers"}, files=sent("b.csv", GOOD))
    assert (answer.status_code, "secret" in answer.text) == (422, False)
    assert list(folder.iterdir()) == []


def test_what_a_killed_server_left_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = tmp_path / "suyuan-upload-x"
    left.mkdir()
    (left / "x.csv").write_text("1")
    remove_leftovers(tmp_path)
    assert left.exists()
    monkeypatch.setattr(upload_files, "_LEFT_SECONDS", -1)
    remove_leftovers(tmp_path)
    assert not left.exists()
