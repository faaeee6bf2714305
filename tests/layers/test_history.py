"""Versions: each ingest is kept with who and from what, comes back as it was, and survives a kill."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from geo.errors import InvalidInput, MissingData, SourceUnavailable
from layers.add import add_file
from layers.history import diff, rollback
from layers.provenance import content_hash
from layers.store import LayerData, Workspace
from layers.versions import os_user

HEAD = "id,name,fuel,capacity_tph,online_monitor,lon,lat\n"
FIRST = "1,甲,coal,10,是,119.2,34.6\n2,乙,coal,4,,119.3,34.6\n"


def add(workspace, text, name="b.csv", head=HEAD, layer="boilers", **options):
    path = workspace.path.parent / name
    path.write_text(head + text, encoding="utf-8")
    return add_file(workspace, layer, path, **options), content_hash(path)


def test_each_ingest_is_a_version_with_who_when_and_the_files_hash(workspace):
    _, one = add(workspace, FIRST)
    _, two = add(workspace, "1,甲,gas,10,是,119.2,34.6\n3,丙,gas,1,,119.3,34.6\n", "c.csv")
    add(workspace, "1,甲,gas,10,是,119.2,34.6\n", "same.csv")
    versions = workspace.versions("boilers")
    assert [(v.number, v.action, v.who, v.file, v.file_sha256, v.count) for v in versions] == [
        (1, "add", os_user(), "b.csv", one, 2),
        (2, "add", os_user(), "c.csv", two, 3),
    ]
    assert versions[0].time.tzname() == "UTC"
    assert versions[1].content_hash == workspace.record("boilers").content_hash
    old = workspace.snapshots.get(versions[0])
    assert old["fuel"].tolist() == ["coal", "coal"]
    assert old["online_monitor"].dtype == "boolean"


def test_the_difference_names_each_column_with_before_and_after(workspace):
    add(workspace, FIRST)
    add(workspace, "1,甲,gas,10,是,119.25,34.6\n3,丙,gas,1,,119.3,34.6\n", replace=True)
    assert diff(workspace, "boilers", 1, 2).values.tolist() == [
        ["removed", "2", "", None, None],
        ["added", "3", "", None, None],
        ["changed", "1", "fuel", "coal", "gas"],
        ["changed", "1", "geometry", "POINT (119.2 34.6)", "POINT (119.25 34.6)"],
    ]
    assert diff(workspace, "boilers", 2, 2).empty
    assert diff(workspace, "boilers", 2, 1)["change"].tolist()[:2] == ["removed", "added"]


def test_without_identity_a_correction_is_a_removal_and_an_addition(workspace):
    head = "area_m2,lon,lat\n"
    add(workspace, "100,119,34\n100,119.1,34\n", head=head, layer="construction_sites")
    add(workspace, "100,119,34\n200,119.1,34\n", head=head, layer="construction_sites", replace=True)
    found = diff(workspace, "construction_sites", 1, 2)
    assert found[["change", "feature"]].values.tolist() == [
        ["removed", "(119.100000 34.000000)"],
        ["added", "(119.100000 34.000000)"],
    ]


def test_a_rollback_brings_the_content_back_and_loses_no_version(workspace):
    first, _ = add(workspace, FIRST)
    add(workspace, "9,丁,gas,1,,119.3,34.6\n", replace=True)
    record = rollback(workspace, "boilers", 1)
    assert record.content_hash == first.record.content_hash
    assert content_hash(workspace.read("boilers")) == first.record.content_hash
    assert [v.action for v in workspace.versions("boilers")] == ["add", "replace", "rollback to 1"]
    assert record.provenance["process"] == "layers rollback"
    assert rollback(workspace, "boilers", 2).count == 1
    with pytest.raises(InvalidInput, match="no version 7; its versions: 1 to 4"):
        rollback(workspace, "boilers", 7)
    with pytest.raises(InvalidInput, match="its versions: none"):
        rollback(workspace, "stations", 1)
    workspace.delete("boilers")
    assert rollback(workspace, "boilers", 1).content_hash == first.record.content_hash


def test_what_another_program_or_an_older_release_left_becomes_a_version_first(workspace):
    add(workspace, FIRST)
    edited = workspace.read("boilers").assign(capacity_tph=[99.0, 4.0])
    workspace.write({"boilers": LayerData(edited)})
    add(workspace, "3,丙,gas,1,,119.3,34.6\n")
    versions = workspace.versions("boilers")
    assert [(v.action, v.who) for v in versions] == [("add", os_user()), ("found", ""), ("add", os_user())]
    assert workspace.snapshots.get(versions[1])["capacity_tph"].tolist() == [99.0, 4.0]


def test_equal_contents_share_a_snapshot_and_the_geopackage_holds_none(workspace):
    add(workspace, FIRST)
    for _ in range(3):
        add(workspace, "9,丁,gas,1,,119.3,34.6\n", replace=True)
        rollback(workspace, "boilers", 1)
    assert len(workspace.versions("boilers")) == 7
    assert len(workspace.backend.files.names("versions")) == 2


def test_a_damaged_snapshot_is_told_and_nothing_is_restored(workspace, state):
    add(workspace, FIRST)
    add(workspace, "9,丁,gas,1,,119.3,34.6\n", replace=True)
    files = workspace.backend.files
    one, two = (workspace.snapshots.name(version) for version in workspace.versions("boilers"))
    content = files.local(two).read_bytes()
    files.put(one, lambda part: part.write_bytes(content))
    before = state(workspace)
    with pytest.raises(MissingData, match="is not what was stored"):
        rollback(workspace, "boilers", 1)
    assert state(workspace) == before
    files.put(one, lambda part: part.write_bytes(b"PAR1"))
    with pytest.raises(MissingData, match="cannot be read"):
        diff(workspace, "boilers", 1, 2)
    files.remove(one)
    with pytest.raises(MissingData, match="cannot be read"):
        diff(workspace, "boilers", 1, 2)


def test_where_a_snapshot_cannot_be_written_the_layer_stays_as_it_was(embedded):
    add(embedded, FIRST)
    before = embedded.gpkg.read_bytes()
    folder = embedded.path / "versions"
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.write_text("a file in the way", encoding="utf-8")
    with pytest.raises(SourceUnavailable, match="nothing was changed"):
        add(embedded, "9,丁,gas,1,,119.3,34.6\n")
    assert embedded.gpkg.read_bytes() == before


ADDER = """
import sys
from layers.add import add_file
from layers.store import Workspace
workspace, folder = Workspace(sys.argv[1]), sys.argv[2]
number = int(sys.argv[3])
print("ready", flush=True)
while True:
    number += 1
    path = f"{folder}/b{number % 2}.csv"
    rows = "".join(f"{i},甲,coal,{number},119.2,34.6\\\\n" for i in range(50))
    open(path, "w", encoding="utf-8").write("id,name,fuel,capacity_tph,lon,lat\\\\n" + rows)
    add_file(workspace, "boilers", path)
"""


@pytest.mark.parametrize("seed", range(4))
def test_an_ingest_killed_at_any_moment_leaves_layer_and_versions_in_step(tmp_path, root, seed):
    folder, script = tmp_path / "w", tmp_path / "adder.py"
    script.write_text(textwrap.dedent(ADDER).replace("\\\\", "\\"), encoding="utf-8")
    rng = np.random.default_rng(seed)
    arguments = [sys.executable, str(script), str(folder), str(tmp_path), "0"]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment) as adder:
        assert adder.stdout is not None
        adder.stdout.readline()
        deadline = time.monotonic() + 20
        while not (folder / "layers.gpkg").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(rng.uniform(0.05, 0.5))
        adder.send_signal(signal.SIGKILL)
    workspace = Workspace(folder)
    versions = workspace.versions("boilers")
    assert versions[-1].content_hash == content_hash(workspace.read("boilers"))
    assert [v.number for v in versions] == list(range(1, len(versions) + 1))
    for version in versions:
        assert set(workspace.snapshots.get(version)["capacity_tph"]) == {float(version.number)}
    assert not list(folder.rglob(".writing-*"))
