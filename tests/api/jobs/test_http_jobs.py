"""Processes and jobs over HTTP: described, run both ways, followed, listed, read, dismissed."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import httpx
import pandas as pd
import pytest

from api.accounts.roles import LOCAL
from api.app import create_app
from api.jobs.results import ResultFiles
from api.jobs.store import JobStore
from api.jobs.worker import work
from api.processes import all_processes
from api.settings import Settings
from layers.provenance import content_hash
from layers.store import Workspace
from tests.api.jobs.conftest import INCIDENT, SHORT, until

OGC = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0"
PROCESSES = {process.id: process for process in all_processes()}


class InThread:
    """Runs the jobs of a store in this process: what a worker does, without the wait for a new process."""

    def __init__(self, settings: Settings) -> None:
        self.store, self.settings, self.ended = JobStore(settings.workspace), settings, threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self.ended.wait(0.02):
            if job := self.store.claim("test", most=2):
                work(self.store, job, PROCESSES.get(job.process), self.settings)

    def __enter__(self) -> "InThread":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join()


@pytest.fixture
def settings(places: Path) -> Settings:
    (places / "files").mkdir()
    return Settings(workspace=places, warm_worker=False, waiting_jobs=3)


@pytest.fixture
def web(settings: Settings, ask_app) -> Iterator[httpx.Client]:
    with InThread(settings):
        yield ask_app(create_app(settings))


@pytest.fixture
def idle(settings: Settings, ask_app) -> httpx.Client:
    """Return a client of an app whose jobs nobody runs."""
    return ask_app(create_app(settings))


def execute(web: httpx.Client, process: str, inputs: dict[str, object], **more: object) -> httpx.Response:
    prefer = {"Prefer": "respond-async"} if more.pop("wait", False) is False else {}
    return web.post(f"/processes/{process}/execution", json={"inputs": inputs, **more}, headers=prefer)


def test_every_process_is_listed_and_described(idle: httpx.Client) -> None:
    listed = idle.get("/processes").json()["processes"]
    assert [item["id"] for item in listed] == list(PROCESSES)
    for item in listed:
        described = idle.get(next(link["href"] for link in item["links"] if link["rel"] == "self")).json()
        assert {"sync-execute", "async-execute", "dismiss"} == set(described["jobControlOptions"])
        assert set(described["outputs"]) == set(PROCESSES[item["id"]].result_layers)
        assert '"null"' not in json.dumps(described)
    answer = idle.get("/processes/nothing")
    assert (answer.status_code, answer.json()["type"]) == (404, f"{OGC}/no-such-process")
    assert idle.get("/jobs/nothing").json()["type"] == f"{OGC}/no-such-job"
    waiting = execute(idle, "hotspots-gi", SHORT).json()["jobID"]
    for what in ("results", "found"):
        assert idle.get(f"/jobs/{waiting}/{what}").json()["type"] == f"{OGC}/result-not-ready"


def test_the_list_of_processes_is_paged(idle: httpx.Client) -> None:
    seen, path = [], "/processes?limit=5"
    while path:
        page = idle.get(path).json()
        assert len(page["processes"]) <= 5
        seen += [item["id"] for item in page["processes"]]
        path = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    assert seen == list(PROCESSES)
    assert idle.get("/processes?limit=0").status_code == 422


def test_a_job_from_request_to_layer(web: httpx.Client, places: Path) -> None:
    answer = execute(web, "hotspots-gi", SHORT)
    assert answer.status_code == 201
    assert answer.headers["preference-applied"] == "respond-async"
    status = web.get(answer.headers["location"])
    assert status.json()["jobID"] == answer.json()["jobID"]
    job = answer.json()["jobID"]
    until(lambda: web.get(f"/jobs/{job}").json()["status"] == "successful")
    done = web.get(f"/jobs/{job}").json()
    assert done["progress"] == 100
    links = {link["rel"]: link["href"] for link in done["links"]}
    result = web.get(links["http://www.opengis.net/def/rel/ogc/1.0/results"]).json()
    features = result["hotspots"]["value"]["features"]
    layer = web.get("/collections/hotspots/items").json()
    assert [f["properties"] for f in features] == [f["properties"] for f in layer["features"]]
    record = web.get(links["describedby"]).json()
    assert record["inputs"] == [{"id": "places", "sha256": content_hash(Workspace(places).read("places"))}]
    defaults = PROCESSES["hotspots-gi"].inputs(**SHORT).model_dump(mode="json", exclude_none=True)
    assert record["parameters"] == SHORT | defaults
    assert record["outputs"][0]["count"] == 300
    assert [line["level"] for line in web.get(f"/jobs/{job}/log").json()["lines"]][0] == "INFO"
    again = web.post(f"/jobs/{job}/rerun").json()["jobID"]
    until(lambda: web.get(f"/jobs/{again}").json()["status"] == "successful")
    assert web.get(f"/jobs/{again}/provenance").json()["outputs"] == record["outputs"]


def test_what_was_found_is_given_while_it_is_still_being_stored(
    web: httpx.Client, places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, publish = threading.Event(), ResultFiles.publish

    def held(*arguments: object) -> None:
        assert go_on.wait(30)
        publish(*arguments)

    monkeypatch.setattr(ResultFiles, "publish", held)
    job = execute(web, "hotspots-gi", SHORT).json()["jobID"]

    def preview() -> str | None:
        links = web.get(f"/jobs/{job}").json()["links"]
        return next((link["href"] for link in links if link["rel"] == "preview"), None)

    try:
        until(lambda: preview() is not None)
        # To the outside it still runs: no results, no layer, yet all that it found.
        assert web.get(f"/jobs/{job}").json()["status"] == "running"
        assert web.get(f"/jobs/{job}/results").json()["type"] == f"{OGC}/result-not-ready"
        assert not Workspace(places).exists() or "hotspots" not in {one.id for one in Workspace(places).records()}
        found = web.get(preview()).json()
    finally:
        go_on.set()
    until(lambda: web.get(f"/jobs/{job}").json()["status"] == "successful")
    assert found["results"] == web.get(f"/jobs/{job}/results").json()
    assert found["warnings"] == web.get(f"/jobs/{job}/provenance").json()["warnings"]
    assert found["message"] == web.get(f"/jobs/{job}").json()["message"]
    assert web.get(f"/jobs/{job}/found").json() == found


def test_a_follow_up_goes_on_from_the_result_that_is_open(web: httpx.Client, places: Path) -> None:
    """Of two incidents the earlier one goes on, though the later one took its place among the layers."""
    other = INCIDENT | {"substance": "ammonia", "lat": 34.7}
    first, second = (execute(web, "zone-incident", one).json()["jobID"] for one in (INCIDENT, other))
    until(lambda: all(web.get(f"/jobs/{job}").json()["status"] == "successful" for job in (first, second)))
    wind = {"wind_speed": 4, "wind_from": 80}
    answer = execute(web, "zone-follow-up", {"follows": first, **wind}, wait=True)
    assert answer.status_code == 200, answer.text
    zones = [feature["properties"] for feature in answer.json()["affected_zones"]["value"]["features"]]
    before = web.get(f"/jobs/{first}/results").json()["affected_zones"]["value"]["features"]
    assert {zone["substance"] for zone in zones} == {"chlorine"}
    assert {zone["incident"] for zone in zones} == {feature["properties"]["incident"] for feature in before}
    assert {zone["version"] for zone in zones} == {2}
    bands = answer.json()["zone_bands"]["value"]["features"]
    shapes = [feature["geometry"] for feature in bands if feature["properties"]["band"] == "before"]
    assert shapes == [feature["geometry"] for feature in before]
    record = web.get(f"/jobs/{answer.headers['link'].split('/jobs/')[1].split('>')[0]}/provenance").json()
    assert [one["id"] for one in record["inputs"]] == [f"affected_zones (job {first})", "places"]
    short = execute(web, "hotspots-gi", SHORT, wait=True).headers["link"].split("/jobs/")[1].split(">")[0]
    for job, said in ((short, "has found no affected_zones; it has hotspots"), ("0123456789abcdef", "give the")):
        refused = execute(web, "zone-follow-up", {"follows": job, **wind}, wait=True)
        assert (refused.status_code, said in refused.json()["detail"]) == (422, True), refused.text


def test_a_result_is_given_in_the_formats_of_a_gis(web: httpx.Client, tmp_path: Path) -> None:
    job = execute(web, "zone-incident", INCIDENT).json()["jobID"]
    until(lambda: web.get(f"/jobs/{job}").json()["status"] == "successful")
    for f in ("geojson", "gpkg", "fgb"):
        answer = web.get(f"/jobs/{job}/results/affected_zones", params={"f": f})
        (tmp_path / f"zone.{f}").write_bytes(answer.content)
        assert len(gpd.read_file(tmp_path / f"zone.{f}")) == 2
    assert web.get(f"/jobs/{job}/results/nothing").status_code == 404
    assert web.get(f"/jobs/{job}/results/affected_zones?f=exe").status_code == 422


def test_without_a_preference_the_result_is_waited_for(web: httpx.Client) -> None:
    answer = execute(web, "zone-incident", INCIDENT, wait=True)
    assert answer.status_code == 200
    assert len(answer.json()["affected_zones"]["value"]["features"]) == 2
    assert 'rel="monitor"' in answer.headers["link"]
    one = execute(web, "zone-incident", INCIDENT, wait=True, outputs={"affected_zones": {}})
    assert one.headers["content-type"] == "application/geo+json"
    assert one.json()["features"] == answer.json()["affected_zones"]["value"]["features"]
    assert execute(web, "zone-incident", INCIDENT, outputs={"nothing": {}}).status_code == 422


def test_events_tell_each_change_to_the_end(web: httpx.Client) -> None:
    job = execute(web, "zone-incident", INCIDENT).json()["jobID"]
    events = web.get(f"/jobs/{job}/events")
    assert events.headers["content-type"].startswith("text/event-stream")
    told = [json.loads(line[6:]) for line in events.text.splitlines() if line.startswith("data: ")]
    assert told[-1]["status"] == "successful"
    assert all(before["progress"] <= after["progress"] for before, after in zip(told, told[1:], strict=False))


def test_a_job_that_fails_says_why_and_its_results_are_that_problem(web: httpx.Client, places: Path) -> None:
    job = execute(web, "hotspots-gi", SHORT | {"file": "nowhere"}).json()["jobID"]
    until(lambda: web.get(f"/jobs/{job}").json()["status"] == "failed")
    assert "nowhere" in web.get(f"/jobs/{job}").json()["message"]
    answer = web.get(f"/jobs/{job}/results")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert str(places) not in answer.text, "where the workspace lies is not a client's business"
    assert "Traceback" not in web.get(f"/jobs/{job}/log").text
    assert execute(web, "hotspots-gi", SHORT | {"file": "nowhere"}, wait=True).status_code == 422


@pytest.mark.parametrize("file", ["/etc/passwd", "../layers.gpkg", "files/../jobs.sqlite", "a\\b.csv", "nothing.csv"])
def test_files_of_the_server_are_not_read(web: httpx.Client, file: str) -> None:
    answer = execute(web, "hotspots-gi", SHORT | {"file": file}, wait=True)
    assert answer.status_code == 422
    assert "cannot be named here" in answer.json()["detail"]


def test_a_file_put_into_the_workspace_can_be_named(web: httpx.Client, places: Path) -> None:
    Workspace(places).read("places").to_file(places / "files" / "mine.geojson")
    assert execute(web, "hotspots-gi", SHORT | {"file": "mine.geojson"}, wait=True).status_code == 200
    (places / "files" / "link.geojson").symlink_to(places / "files" / "mine.geojson")
    assert execute(web, "hotspots-gi", SHORT | {"file": "link.geojson"}, wait=True).status_code == 422


@pytest.mark.parametrize(
    ("inputs", "field", "zh"),
    [
        ({"file": "places"}, "value", "必须填写"),
        (SHORT | {"permutations": -1}, "permutations", "应不小于 0"),
        (SHORT | {"permutations": "many"}, "permutations", "应为整数"),
        (SHORT | {"colour": "red"}, "colour", "没有这个输入"),
    ],
)
def test_a_bad_input_is_named_in_both_languages(
    idle: httpx.Client, inputs: dict[str, object], field: str, zh: str
) -> None:
    for language, text in (("zh-CN,zh;q=0.9,en;q=0.5", zh), ("en", "")):
        answer = idle.post(
            "/processes/hotspots-gi/execution", json={"inputs": inputs}, headers={"Accept-Language": language}
        )
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
        (error,) = answer.json()["errors"]
        assert (error["field"], answer.json()["status"]) == (field, 422)
        assert text in error["allowed"]
        assert answer.headers["content-language"] == language[:2]
    assert idle.get("/jobs").json()["jobs"] == []


def test_files_are_written_by_the_command_line_alone(idle: httpx.Client) -> None:
    answer = execute(idle, "zone-incident", INCIDENT | {"receptors_output": "/tmp/out.csv"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "receptors_output"


def test_the_list_is_paged_and_filtered(idle: httpx.Client) -> None:
    ids = [execute(idle, "hotspots-gi", SHORT).json()["jobID"] for _ in range(2)]
    ids.append(execute(idle, "zone-incident", INCIDENT).json()["jobID"])
    seen, path = [], "/jobs?limit=2"
    while path:
        page = idle.get(path).json()
        seen += [job["jobID"] for job in page["jobs"]]
        path = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    assert seen == ids[::-1]
    assert [j["jobID"] for j in idle.get("/jobs?processID=zone-incident").json()["jobs"]] == ids[2:]
    assert idle.get("/jobs?status=successful,failed").json()["numberMatched"] == 0
    assert idle.get("/jobs?status=lost").status_code == 422
    made = idle.get(f"/jobs/{ids[0]}").json()["created"]
    assert ids[0] in [job["jobID"] for job in idle.get(f"/jobs?datetime={made}").json()["jobs"]]
    assert idle.get("/jobs?datetime=2030-01-01T00:00:00Z/..").json()["numberMatched"] == 0
    assert idle.get("/jobs?minDuration=0").json()["numberMatched"] == 0, "what waits has no duration"
    assert idle.get("/jobs?maxDuration=-1").status_code == 422
    assert idle.get("/jobs?datetime=yesterday").status_code == 422
    twice = idle.get("/jobs?status=accepted&status=running&limit=1").json()
    following = next(link["href"] for link in twice["links"] if link["rel"] == "next")
    assert following.count("status=") == 2
    busy = execute(idle, "hotspots-gi", SHORT)
    assert (busy.status_code, busy.headers["retry-after"]) == (503, "5")
    zh = idle.post("/processes/hotspots-gi/execution", json={"inputs": SHORT}, headers={"Accept-Language": "zh"}).json()
    assert (zh["title"], "排队" in zh["detail"]) == ("服务繁忙", True)


def test_dismissing_a_finished_job_forgets_its_result(web: httpx.Client, settings: Settings) -> None:
    job = execute(web, "zone-incident", INCIDENT).json()["jobID"]
    until(lambda: web.get(f"/jobs/{job}").json()["status"] == "successful")
    assert web.delete(f"/jobs/{job}").json()["status"] == "dismissed"
    answer = web.get(f"/jobs/{job}/results")
    assert (answer.status_code, "dismissed" in answer.json()["detail"]) == (404, True)
    assert web.get("/collections/affected_zones").status_code == 200
    assert web.delete("/jobs/nothing").status_code == 404
    files = ResultFiles(JobStore(settings.workspace).folder)
    assert len(list(files.folder.iterdir())) > 0, "young files stay a while"


def test_who_submitted_stands_with_the_job(idle: httpx.Client) -> None:
    assert execute(idle, "hotspots-gi", SHORT).json()["suyuan:owner"] == LOCAL.name


def test_pages_of_jobs_are_in_both_languages_and_in_the_citys_time(idle: httpx.Client, settings: Settings) -> None:
    job = execute(idle, "hotspots-gi", SHORT).json()["jobID"]
    made = pd.Timestamp(JobStore(settings.workspace).get(job).created).tz_convert("Asia/Shanghai")
    for path in ("/jobs?f=html", f"/jobs/{job}?f=html"):
        page = idle.get(path).text
        assert "北京时间 Beijing time" in page
        assert f"{made:%Y-%m-%d %H:%M:%S}" in page
        assert "排队" in page
        assert "accepted" in page
    assert job not in idle.get("/jobs?f=html&status=failed").text
    assert "没有这样的任务" in idle.get("/jobs?f=html&status=failed").text


def test_a_role_that_runs_nothing_is_told_at_once(settings: Settings, ask_app) -> None:
    none = settings.model_copy(update={"running_admin": 0})
    answer = execute(ask_app(create_app(none)), "hotspots-gi", SHORT)
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")
    assert "SUYUAN_RUNNING_ADMIN=0" in answer.json()["detail"]
