"""A full disk and older formats: a clear error, nothing lost, and upgrades that leave no half."""

import os
import secrets
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from geo.errors import InvalidInput, SourceUnavailable
from layers import store as store_module
from layers import store_register
from layers.add import add_file
from layers.move import CLAIM, check, move
from layers.provenance import content_hash
from layers.store import Workspace
from layers.store_register import FORMAT

HEAD = "id,name,fuel,capacity_tph,lon,lat\n"


def hours(value: float, count: int = 40) -> pd.DataFrame:
    times = pd.date_range("2024-04-30T10:00", periods=count, freq="h", tz="UTC")
    rows = [(s, t, "pm25", value, "ug/m3", "") for s in "ab" for t in times]
    return pd.DataFrame(rows, columns=["station_id", "time", "pollutant", "value", "unit", "flag"])


def add_boilers(workspace: Workspace, count: int, capacity: int = 1) -> None:
    path = workspace.path.parent / "b.csv"
    rows = "".join(f"{i},甲{secrets.token_hex(20)},coal,{capacity},119.2,34.6\n" for i in range(count))
    path.write_text(HEAD + rows, encoding="utf-8")
    add_file(workspace, "boilers", path)


FILLER = """
import os, sys, resource, signal
import pandas as pd
from geo.errors import SourceUnavailable
from layers.add import add_file
from layers.stores import open_workspace
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for case in sys.argv[2:]:
    kind, path, limit = case.split("=")
    if os.fork():
        os.wait()
        continue
    workspace = open_workspace(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    try:
        if kind == "observations":
            workspace.observations.add(pd.read_pickle(path))
        else:
            add_file(workspace, kind, path)
    except SourceUnavailable as error:
        print(error, flush=True)
    else:
        print("written", flush=True)
    os._exit(0)
"""
MUCH = 10**9


def fill(root, folder, *cases: str) -> list[str]:
    """Write in children that may write files of so many bytes; returns what each of them says."""
    command = [sys.executable, "-W", "ignore", "-c", FILLER, str(folder), *cases]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    said = done.stdout.splitlines()
    assert len(said) == len(cases), done.stderr
    return said


def test_where_a_file_may_grow_no_more_nothing_is_lost(embedded, root, tmp_path):
    add_boilers(embedded, 3)
    embedded.observations.add(hours(1.0))
    before = {path: path.read_bytes() for path in embedded.path.rglob("*") if path.is_file()}
    big = tmp_path / "big.csv"
    rows = "".join(f"{i},{secrets.token_hex(60)},coal,2,119.2,34.6\n" for i in range(3000))
    big.write_text(HEAD + rows, encoding="utf-8")
    months = pd.concat([hours(2.0, 700).assign(station_id=secrets.token_hex(20)) for _ in range(50)])
    months["value"] = np.random.default_rng(1).random(len(months))
    months.drop_duplicates(["station_id", "time", "pollutant"]).to_pickle(tmp_path / "o.pickle")
    limits = (10_000, 120_000, 160_000)
    cases = [f"boilers={big}={n}" for n in limits] + [f"observations={tmp_path / 'o.pickle'}={n}" for n in limits]
    for said in fill(root, embedded.path, *cases):
        assert said.startswith("cannot write")
        assert said.endswith("nothing was changed")
    assert {path: path.read_bytes() for path in embedded.path.rglob("*") if path.is_file()} == before
    assert check(embedded) > 0
    assert fill(root, embedded.path, f"observations={tmp_path / 'o.pickle'}={MUCH}") == ["written"]


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 2 MB, where the system lets us mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(options, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small disk needs the right to mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_a_clear_error_and_there_is_room_again(small_disk, root, tmp_path):
    workspace = Workspace(small_disk / "w")
    add_boilers(Workspace(small_disk / "w"), 3)
    before = content_hash(workspace.read("boilers"))
    filler = small_disk / "filler"
    with filler.open("wb") as stream:
        stream.write(b"x" * 1_500_000)
    big = tmp_path / "big.csv"
    rows = "".join(f"{i},{secrets.token_hex(60)},coal,2,119.2,34.6\n" for i in range(3000))
    big.write_text(HEAD + rows, encoding="utf-8")
    (said,) = fill(root, workspace.path, f"boilers={big}={MUCH}")
    assert said.startswith("cannot write")
    assert said.endswith("nothing was changed")
    assert content_hash(workspace.read("boilers")) == before
    assert not list(workspace.path.rglob(".writing-*"))
    filler.unlink()
    assert fill(root, workspace.path, f"boilers={big}={MUCH}") == ["written"]
    assert workspace.count("boilers") == 3000


@pytest.fixture
def format_1(embedded) -> Workspace:
    """A folder as the first release left it: months under fixed names, no register."""
    add_boilers(embedded, 3)
    folder = embedded.path / "observations"
    folder.mkdir()
    for month, rows in hours(1.0).groupby(hours(1.0)["time"].dt.strftime("%Y-%m")):
        ordered = rows.sort_values(["station_id", "time", "pollutant"], ignore_index=True)
        ordered.to_parquet(folder / f"{month}.parquet", index=False, compression="zstd", row_group_size=100_000)
    (embedded.path / "store.json").unlink()
    return Workspace(embedded.path)


def files(workspace: Workspace) -> list[str]:
    return sorted(str(path.relative_to(workspace.path)) for path in (workspace.path / "observations").rglob("*"))


def test_a_store_of_the_first_format_is_read_as_it_is_and_upgraded_by_the_next_write(format_1, caplog):
    whole = hours(1.0).astype({"station_id": "str"}).sort_values(["station_id", "time"], ignore_index=True)
    assert format_1.observations.read()["time"].tolist() == whole["time"].tolist()
    assert format_1.observations.time_range() == (whole["time"].min(), whole["time"].max())
    assert files(format_1) == ["observations/2024-04.parquet", "observations/2024-05.parquet"]
    before = format_1.observations.read()
    assert format_1.observations.add(hours(1.0)) == {"added": 0, "corrected": 0, "unchanged": 80}
    assert "store upgraded" in caplog.text
    pd.testing.assert_frame_equal(format_1.observations.read(), before)
    assert format_1.backend.register.load()["format"] == FORMAT
    assert [name.count(".") for name in files(format_1)] == [2, 2]
    assert check(Workspace(format_1.path)) > 0
    assert format_1.observations.add(hours(2.0)) == {"added": 0, "corrected": 80, "unchanged": 0}


def test_an_upgrade_that_is_stopped_leaves_the_old_format_whole(format_1, monkeypatch):
    def stop(documents) -> None:
        raise SourceUnavailable("no space left")

    before = format_1.observations.read()
    with monkeypatch.context() as patch:
        patch.setattr(format_1.backend.register, "save", stop)
        with pytest.raises(SourceUnavailable, match="no space left"):
            format_1.observations.add(hours(2.0))
    assert "observations/2024-04.parquet" in files(format_1)
    again = Workspace(format_1.path)
    pd.testing.assert_frame_equal(again.observations.read(), before)
    again.observations.add(hours(2.0))
    assert set(again.observations.read()["value"]) == {2.0}
    assert [name.count(".") for name in files(again)] == [2, 2]


def test_a_first_format_moves_without_being_changed(format_1, tmp_path):
    before = files(format_1)
    target = Workspace(tmp_path / "new")
    assert move(format_1, target).months == 2
    assert files(format_1) == before
    assert not (format_1.path / "store.json").exists()
    pd.testing.assert_frame_equal(target.observations.read(), format_1.observations.read())


def test_a_store_of_a_newer_release_is_not_touched(workspace, state):
    workspace.observations.add(hours(1.0))
    with workspace.transaction():
        workspace.backend.register.save({"format": FORMAT + 1})
    for act in (workspace.observations.read, lambda: workspace.observations.add(hours(2.0))):
        with pytest.raises(InvalidInput, match=f"written by a newer Suyuan .format {FORMAT + 1}.*update Suyuan"):
            act()


def test_each_step_from_an_older_format_runs_once_and_in_order(workspace, monkeypatch):
    workspace.observations.add(hours(1.0))
    ran = []

    def step(number):
        def run(opened) -> None:
            ran.append(number)
            opened.backend.register.save({"format": number + 1})

        return run

    for module in (store_module, store_register):
        monkeypatch.setattr(module, "FORMAT", FORMAT + 2)
    monkeypatch.setattr(store_module, "STEPS", {FORMAT: step(FORMAT), FORMAT + 1: step(FORMAT + 1)})
    for _ in range(2):
        with workspace.transaction():
            pass
    assert ran == [FORMAT, FORMAT + 1]


@pytest.mark.parametrize(("taken", "message"), [(True, "the new version is whole"), (False, "add it again")])
def test_the_next_start_says_what_became_of_a_write_that_was_stopped(open_store, caplog, taken, message):
    workspace = open_store()
    add_boilers(workspace, 3)
    digest = workspace.record("boilers").content_hash if taken else "0" * 64
    writing = {"what": "boilers", "who": "张三", "since": "2026-11-27T18:00:00+00:00", "layers": {"boilers": digest}}
    with workspace.transaction():
        workspace.backend.register.save({"writing": writing})
    caplog.clear()
    assert open_store().count("boilers") == 3
    (told,) = [text for text in caplog.messages if "the last write was stopped" in text]
    assert "boilers，张三，2026-11-27T18:00:00+00:00" in told
    assert message in told
    caplog.clear()
    open_store()
    assert caplog.messages == []


NAME = f"versions/{'1' * 64}.parquet"


def leave_a_snapshot(workspace: Workspace) -> list[str]:
    """Put a snapshot and other files there, as if a writer had been stopped before its version was listed."""
    add_boilers(workspace, 3)
    add_boilers(workspace, 4)
    files_ = workspace.backend.files
    for name in (NAME, "versions/notes.txt"):
        files_.put(name, lambda part: part.write_bytes(b"kept for nobody"))
    return sorted(workspace.snapshots.name(version) for version in workspace.versions("boilers"))


def snapshots(workspace: Workspace) -> list[str]:
    return [f"versions/{name}" for name in workspace.backend.files.names("versions")]


def test_a_snapshot_of_a_stopped_write_is_named_and_removed_at_the_next_start(open_store, caplog):
    workspace = open_store()
    listed = leave_a_snapshot(workspace)
    writing = {"what": "boilers", "who": "张三", "since": "2026-11-27T18:00:00+00:00", "layers": {"boilers": "0" * 64}}
    with workspace.transaction():
        workspace.backend.register.save({"writing": writing})
        # While a writer holds the lock its snapshots are its own, listed or not.
        assert NAME in snapshots(open_store())
    again = open_store()
    assert snapshots(again) == [*listed, "versions/notes.txt"]
    assert f"removed {NAME}, a version that never took effect" in caplog.text
    assert check(again) > 0


def test_a_check_removes_what_no_version_names_but_not_what_a_move_brought(open_store, caplog):
    workspace = open_store()
    listed = leave_a_snapshot(workspace)
    open_store()
    assert NAME in snapshots(workspace)
    with workspace.transaction():
        workspace.backend.register.save({CLAIM: {"source": "elsewhere", "whole": False}})
    check(workspace)
    assert NAME in snapshots(workspace)
    with workspace.transaction():
        workspace.backend.register.save({CLAIM: {"source": "elsewhere", "whole": True}})
    check(workspace)
    assert snapshots(workspace) == [*listed, "versions/notes.txt"]
    assert caplog.text.count("a version that never took effect") == 1


def test_a_write_that_fails_leaves_no_snapshot(open_store, monkeypatch):
    workspace = open_store()
    add_boilers(workspace, 3)
    before = snapshots(workspace)

    def fail(change) -> None:
        assert len(snapshots(workspace)) == len(before) + 1
        raise SourceUnavailable("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(workspace.backend, "write", fail)
        with pytest.raises(SourceUnavailable, match="no space left"):
            add_boilers(workspace, 4)
    assert snapshots(workspace) == before
