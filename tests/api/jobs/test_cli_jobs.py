"""`suyuan jobs`: list, show, cancel, rerun."""

import json
import os
import sqlite3
from pathlib import Path

import pytest

from api.jobs.runner import Runner
from api.jobs.store import JobStore
from api.jobs.worker import work
from api.processes import all_processes
from api.settings import Settings
from layers.store import LayerData, Workspace
from tests.api.jobs.conftest import SHORT, until


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


def test_old_jobs_are_cleared(suyuan, workspace: Path) -> None:
    store = JobStore(workspace)
    jobs = [store.submit("hotspots-gi", SHORT, owner="li", role="analyst").id for _ in range(2)]
    run_next(workspace)
    assert suyuan("jobs", "clear", "--older-than", "1h")[1].startswith("已删除 removed: 0 jobs")
    (file,) = (workspace / "jobs" / "results").iterdir()
    with sqlite3.connect(store.path) as base:
        base.execute("UPDATE jobs SET finished = '2021-01-01T00:00:00+00:00' WHERE finished IS NOT NULL")
    base.close()
    os.utime(file, (0, 0))
    failed = suyuan("jobs", "clear", "--older-than", "1w", "--status", "failed")[1]
    assert failed.startswith("已删除 removed: 0 jobs, 0")
    code, said, _ = suyuan("jobs", "clear", "--older-than", "1.5d")
    assert (code, said) == (0, "已删除 removed: 1 jobs, 1 个结果文件 result files\n")
    assert [job.id for job in store.page()[0]] == jobs[1:]
    assert not file.exists()
    assert Workspace(workspace).record("hotspots").count == 300


@pytest.mark.parametrize("age", ["30", "d", "-1d", "1y", "999999w", ""])
def test_an_age_that_is_none_ends_with_2(suyuan, workspace: Path, age: str) -> None:
    code, said, err = suyuan("jobs", "clear", f"--older-than={age}")
    assert (code, said, len(err.splitlines())) == (2, "", 1)
    assert "90d" in err


def test_the_runner_clears_what_the_settings_do_not_keep(workspace: Path) -> None:
    store = JobStore(workspace)
    job = store.submit("hotspots-gi", SHORT, owner="li", role="analyst").id
    run_next(workspace)
    with sqlite3.connect(store.path) as base:
        base.execute("UPDATE jobs SET finished = '2021-01-01T00:00:00+00:00'")
    base.close()
    for days, left in ((None, 1), (30.0, 0)):
        runner = Runner(Settings(workspace=workspace, warm_worker=False, keep_jobs_days=days))
        runner.start()
        until(lambda runner=runner, left=left: runner.store.page()[1] == left)
        runner.stop()
        assert store.page()[1] == left, job
