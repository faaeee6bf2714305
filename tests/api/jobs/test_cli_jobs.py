"""`suyuan jobs`: list, show, cancel, rerun."""

import json
from pathlib import Path

import pytest

from api.jobs.store import JobStore
from api.jobs.worker import work
from api.processes import all_processes
from api.settings import Settings
from layers.store import LayerData, Workspace
from tests.api.jobs.conftest import SHORT


@pytest.fixture
def workspace(places: Path) -> Path:
    return places


def run_next(workspace: Path) -> str:
    store = JobStore(workspace)
    job = store.claim("test", most=1)
    process = next(process for process in all_processes() if process.id == job.process)
    work(store, job, process, Settings(workspace=workspace))
    return job.id


def test_a_list_and_one_job(suyuan, workspace: Path) -> None:
    assert suyuan("jobs", "list") == (0, "", "note: 没有任务 no jobs\n")
    store = JobStore(workspace)
    job = store.submit("hotspots-gi", SHORT, owner="li", role="analyst")
    run_next(workspace)
    waiting = store.submit("hotspots-gi", SHORT, owner="li", role="analyst")
    code, said, _ = suyuan("jobs", "list")
    assert (code, [line.split()[0] for line in said.splitlines()]) == (0, [waiting.id, job.id])
    assert suyuan("jobs", "list", "--status", "successful")[1].count("\n") == 1
    told = json.loads(suyuan("jobs", "list", "--json", "--limit", "1")[1])
    assert (told["id"], told["status"]) == (waiting.id, "accepted")
    shown = json.loads(suyuan("jobs", "show", job.id)[1])
    assert shown["layers"][0]["name"] == "hotspots"
    assert shown["provenance"]["inputs"][0]["id"] == "places"
    code, said, _ = suyuan("jobs", "cancel", waiting.id[:10])
    assert (code, "dismissed" in said) == (0, True)
    for arguments in (("cancel", job.id), ("show", "nothing"), ("show", "")):
        code, _, err = suyuan("jobs", *arguments)
        assert (code, len(err.splitlines())) == (2, 1)


def test_a_rerun_says_whether_the_bytes_are_the_same(suyuan, workspace: Path) -> None:
    JobStore(workspace).submit("hotspots-gi", SHORT, owner="li", role="analyst")
    job = run_next(workspace)
    code, said, _ = suyuan("jobs", "rerun", job)
    assert (code, "the same bytes" in said, "not the same" in said) == (0, True, False)
    store = Workspace(workspace)
    store.write({"places": LayerData(store.read("places").iloc[1:], schema="stations")})
    code, said, _ = suyuan("jobs", "rerun", job)
    assert code == 0
    assert "not the same bytes" in said
    assert "changed: places" in said
