"""The store of jobs: what is written stays, and only the one who holds a job may finish it."""

import multiprocessing
import sqlite3
import time
from datetime import timedelta, timezone
from pathlib import Path

import pandas as pd
import pytest

from api.errors import Busy, Conflict, UnknownResource
from api.jobs.model import Findings, State, utc_now
from api.jobs.store import MOST_ATTEMPTS, JobStore
from api.jobs.wanted import Wanted
from api.jobs.worker import _Reporter
from geo.errors import SourceUnavailable

NOTHING = Findings((), "无", "none", {})


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(tmp_path / "ws")


def submit(store: JobStore, role: str = "analyst", **inputs: object) -> str:
    return store.submit("hotspots-gi", inputs, owner="li", role=role).id


def test_nothing_is_made_by_looking(store: JobStore) -> None:
    assert store.page() == ([], 0)
    assert store.claim("r", most=1) is None
    with pytest.raises(UnknownResource, match="no job"):
        store.get("x")
    assert not store.workspace.exists()


def test_a_job_is_there_before_its_id_is_known(store: JobStore) -> None:
    job = store.submit("hotspots-gi", {"文件": [1, None]}, owner="li", role="analyst")
    found = JobStore(store.workspace).get(job.id)
    assert found == job
    assert (found.state, found.inputs, found.owner) == (State.ACCEPTED, {"文件": [1, None]}, "li")


def test_the_first_comes_first_and_incidents_before(store: JobStore) -> None:
    first, second, urgent = submit(store), submit(store), submit(store, "emergency")
    assert store.claim("r", most=1).id == urgent
    assert store.claim("r", most=1) is None, "the incident counts among those that run"
    assert store.claim("r", most=2).id == first
    also_urgent = submit(store, "emergency")
    assert store.claim("r", most=2).id == also_urgent, "one place more for an incident"
    assert store.claim("r", most=2) is None
    assert store.get(second).state is State.ACCEPTED


def test_only_the_holder_finishes_and_only_once(store: JobStore) -> None:
    submit(store)
    held = store.claim("one", most=1)
    store.release(held, "gone")
    taken = store.claim("two", most=1)
    assert (taken.id, taken.attempt) == (held.id, 2)
    assert not store.record(held, NOTHING), "the first worker lost the job"
    assert not store.fail(held, "x", "y")
    assert store.record(taken, NOTHING)
    assert not store.record(taken, NOTHING), "a second result"
    with pytest.raises(Conflict, match="writing its result"):
        store.dismiss(taken.id)
    assert store.succeed(taken)
    assert store.get(taken.id).state is State.SUCCESSFUL
    assert not store.fail(taken, "x", "y")


def test_a_worker_of_an_earlier_attempt_finishes_nothing(store: JobStore) -> None:
    submit(store)
    earlier = store.claim("one", most=1)
    store.release(earlier, "gone")
    later = store.claim("one", most=1)
    assert not store.record(earlier, NOTHING)
    assert store.record(later, NOTHING)


def test_a_result_that_was_recorded_is_published_by_the_next_runner(store: JobStore) -> None:
    submit(store)
    held = store.claim("one", most=1)
    store.record(held, NOTHING)
    store.release(store.get(held.id), "gone")
    taken = store.claim("two", most=1)
    assert (taken.state, taken.findings) == (State.STORING, NOTHING)


def test_what_keeps_failing_its_server_is_given_up(store: JobStore) -> None:
    job = submit(store)
    for _ in range(MOST_ATTEMPTS):
        store.release(store.claim("r", most=1), "the server ended")
    assert store.get(job).state is State.FAILED
    assert "the server ended" in store.get(job).reason


def test_dismissed_jobs_are_not_run(store: JobStore) -> None:
    job = submit(store)
    assert store.dismiss(job).state is State.DISMISSED
    assert store.claim("r", most=1) is None


def test_too_many_waiting_are_turned_away(store: JobStore) -> None:
    store.submit("p", {}, owner="li", role="analyst", most_waiting=1)
    with pytest.raises(Busy, match="1 jobs wait"):
        store.submit("p", {}, owner="li", role="analyst", most_waiting=1)


def test_pages_go_back_in_time(store: JobStore) -> None:
    ids = [submit(store) for _ in range(5)]
    page, matched = store.page(limit=2)
    assert ([job.id for job in page], matched) == (ids[:-3:-1], 5)
    older, _ = store.page(limit=9, before=page[-1].sequence)
    assert [job.id for job in older] == ids[2::-1]
    assert store.page(Wanted(states=["running"])) == ([], 0)
    assert store.page(Wanted(processes=["trace"]))[1] == 0


def test_a_list_by_time_and_duration(store: JobStore) -> None:
    first, second = submit(store), submit(store)
    held = store.claim("r", most=1)
    made = store.get(first).created
    assert held.id == first
    exactly = Wanted(created=(made, made))
    assert first in [job.id for job in store.page(exactly)[0]]
    shown = pd.Timestamp(made).floor("ms")
    assert first in [job.id for job in store.page(Wanted(created=(shown, shown)))[0]], "as a status document shows it"
    assert store.page(Wanted(created=(made + timedelta(days=1), None))) == ([], 0)
    assert store.page(Wanted(created=(None, made - timedelta(seconds=1)))) == ([], 0)
    china = made.astimezone(timezone(timedelta(hours=8))) - timedelta(seconds=1)
    assert store.page(Wanted(created=(china, None)))[1] == 2, "whatever the zone"
    # What waits has no duration; what runs has one, and what ended keeps it.
    assert [job.id for job in store.page(Wanted(seconds=(0, None)))[0]] == [first]
    with sqlite3.connect(store.path) as base:
        base.execute("UPDATE jobs SET started = ? WHERE id = ?", ((made - timedelta(seconds=90)).isoformat(), first))
    base.close()
    store.fail(store.get(first), "x", "y")
    for seconds, found in (((80, None), 1), ((None, 80), 0), ((80, 100), 1), ((100, None), 0)):
        assert store.page(Wanted(seconds=seconds))[1] == found, seconds
    assert store.get(second).started is None


@pytest.mark.parametrize(
    ("limits", "running"),
    [
        ({}, ["analyst", "analyst", "admin"]),
        ({"analyst": 1}, ["analyst", "admin"]),
        ({"analyst": 0}, ["admin"]),
        ({"admin": 0}, ["analyst", "analyst"]),
        ({"analyst": 5, "admin": 5, "emergency": 0}, ["analyst", "analyst", "admin"]),
    ],
)
def test_a_role_runs_no_more_than_it_may(store: JobStore, limits: dict[str, int], running: list[str]) -> None:
    for _ in range(3):
        submit(store)
    submit(store, "emergency") if "emergency" in limits else None
    claimed = [job.role for _ in range(2) if (job := store.claim("r", most=2, of_role=limits))]
    submit(store, "admin")
    claimed += [job.role for _ in range(2) if (job := store.claim("r", most=2, of_role=limits))]
    assert sorted(claimed) == sorted(running)


def test_a_place_that_a_role_may_not_use_is_another_roles(store: JobStore) -> None:
    first, second, other = submit(store), submit(store), submit(store, "admin")
    limits = {"analyst": 1, "admin": 1}
    taken = [store.claim("r", most=2, of_role=limits).id for _ in range(2)]
    assert set(taken) == {first, other}
    assert store.claim("r", most=2, of_role=limits) is None
    store.dismiss(first)
    assert store.claim("r", most=2, of_role=limits).id == second


def test_old_jobs_are_cleared_and_open_ones_stay(store: JobStore) -> None:
    ended, failed, running, waiting = (submit(store) for _ in range(4))
    for _ in range(2):
        job = store.claim("r", most=9)
        store.log(job.id, "INFO", "line")
        if job.id == failed:
            store.fail(job, "x", "y")
        else:
            store.record(job, NOTHING)
            store.succeed(store.get(ended))
    assert store.claim("r", most=9).id == running
    now = utc_now()
    assert store.clear(now - timedelta(days=1)) == []
    assert store.clear(now + timedelta(days=1), states=("failed",)) == [failed]
    assert store.clear(now + timedelta(days=1)) == [ended]
    assert [job.id for job in store.page()[0]] == [waiting, running]
    with pytest.raises(UnknownResource, match="no job"):
        store.lines(ended)
    with sqlite3.connect(store.path) as base:
        assert base.execute("SELECT DISTINCT job FROM log").fetchall() == []
    base.close()


def _claim(path: Path, name: str, found: "multiprocessing.Queue[list[str]]") -> None:
    store, mine = JobStore(path), []
    while job := store.claim(name, most=10**6):
        mine.append(job.id)
    found.put(mine)


def test_no_job_is_claimed_twice(store: JobStore) -> None:
    ids = {submit(store) for _ in range(30)}
    context = multiprocessing.get_context("fork")
    found: multiprocessing.Queue[list[str]] = context.Queue()
    racers = [context.Process(target=_claim, args=(store.workspace, f"r{n}", found)) for n in range(3)]
    for racer in racers:
        racer.start()
    claimed = [job for _ in racers for job in found.get(timeout=30)]
    for racer in racers:
        racer.join()
    assert len(claimed) == 30
    assert set(claimed) == ids


def test_a_damaged_file_is_said(store: JobStore) -> None:
    store.workspace.mkdir()
    store.path.write_bytes(b"no database" * 100)
    with pytest.raises(SourceUnavailable, match=r"jobs\.sqlite"):
        submit(store)


def test_progress_tells_what_remains(store: JobStore) -> None:
    submit(store)
    job = store.claim("r", most=1)
    store.report(job, 0.25, "paths")
    told = store.get(job.id)
    assert (told.progress, told.step) == (0.25, "paths")
    later = told.started + timedelta(seconds=10)
    assert told.remaining_seconds(later) == pytest.approx(30.0)


def test_progress_never_goes_back(store: JobStore) -> None:
    submit(store)
    job = store.claim("r", most=1)
    report, seen = _Reporter(store, job), []
    for what, share in (("a", 0), ("a", 5), ("a", 10), ("b", 0), ("b", 10), ("a", 1), ("c", 3)):
        report._last = 0.0
        report(share, 10, what)
        seen.append(store.get(job.id).progress)
    assert seen[:4] == pytest.approx([0.0, 0.45, 0.9, 0.9])
    assert seen == sorted(seen)
    assert seen[-1] < 1


def test_every_write_shows_from_outside(store: JobStore) -> None:
    seen = [store.written()]
    job = store.submit("p", {}, owner="a", role="analyst")
    for number in range(5):
        seen.append(store.written())
        time.sleep(0.02)
        store.log(job.id, "INFO", str(number))
    seen.append(store.written())
    assert len(set(seen)) == len(seen)
    assert store.written() == seen[-1]
