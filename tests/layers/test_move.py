"""A workspace into another store and back: the same hashes, taken up where it stopped, the source untouched."""

import secrets

import numpy as np
import pandas as pd
import pytest
from affine import Affine
from rasterio.crs import CRS

from geo.errors import InvalidInput, MissingData, SourceUnavailable
from geo.rasters import Raster
from layers.add import add_file
from layers.backend import Change
from layers.move import check, move
from layers.provenance import content_hash
from layers.store import Workspace
from layers.stores import open_workspace

# Four snapshots, a raster, two months and the newest hours, a layer.
ALL = 9
HEAD = "id,name,fuel,capacity_tph,online_monitor,lon,lat\n"


@pytest.fixture
def source(tmp_path) -> Workspace:
    workspace = Workspace(tmp_path / "source")
    for number, rows in enumerate(
        ("1,甲,coal,10,是,119.2,34.6\n", "1,甲,gas,10,,119.2,34.6\n2,乙,coal,4,,119.3,34.6\n")
    ):
        path = tmp_path / f"b{number}.csv"
        path.write_text(HEAD + rows, encoding="utf-8")
        add_file(workspace, "boilers", path)
        add_file(workspace, "stations", save(tmp_path, f"id,name,lon,lat\n{number},站,119,34\n"))
    workspace.delete("stations")
    times = pd.date_range("2024-04-30T12:00", periods=10, freq="h", tz="UTC")
    rows_ = [(s, t, "pm25", float(i), "ug/m3", "") for s in "ba" for i, t in enumerate(times)]
    workspace.observations.add(
        pd.DataFrame(rows_, columns=["station_id", "time", "pollutant", "value", "unit", "flag"])
    )
    grid = Raster(np.ones((3, 4)), Affine(0.1, 0, 119, 0, -0.1, 35), CRS.from_epsg(4326), times[0], "fire_mask")
    workspace.rasters.put(grid)
    return workspace


def save(folder, text, name="s.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def shared(postgis_url, tmp_path) -> Workspace:
    token = secrets.token_hex(6)
    return open_workspace(tmp_path / "cache", postgis_url, f"memory://move-{token}", f"t_{token}")


def on_disk(workspace: Workspace) -> dict[str, bytes]:
    found = (path for path in workspace.path.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(workspace.path)): path.read_bytes() for path in found}


def test_there_and_back_everything_is_the_same(source, shared, tmp_path, state):
    before = on_disk(source)
    there = move(source, shared)
    assert there.brought == ALL
    assert (there.layers, there.versions, there.months, there.rasters) == (1, 4, 2, 1)
    assert on_disk(source) == before
    assert state(shared) == state(source)
    back = Workspace(tmp_path / "back")
    assert move(shared, back) == there
    assert state(back) == state(source)
    files = {
        name: content for name, content in on_disk(back).items() if not name.startswith(("layers.gpkg", "store.json"))
    }
    assert files == {name: content for name, content in before.items() if name in files}
    assert len(files) == len(before) - 2
    assert content_hash(back.snapshots.get(back.versions("stations")[0])) == back.versions("stations")[0].content_hash
    assert check(back) == check(shared) == check(source) == 1 + 4 + 3


@pytest.mark.parametrize("stop", range(1, 8))
def test_a_move_that_was_stopped_goes_on_where_it_was(source, shared, state, stop):
    def interrupt(done: int, total: int, what: str) -> None:
        assert total == 7
        if done == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move(source, shared, interrupt)
    done = move(source, shared)
    assert done.brought <= ALL - stop
    assert state(shared) == state(source)


def test_nobodys_data_is_overwritten(source, shared, tmp_path, state):
    other = Workspace(tmp_path / "other")
    add_file(other, "parks", save(tmp_path, "name,lon,lat\na,119,34\n", "p.csv"))
    before = state(other)
    with pytest.raises(InvalidInput, match="holds data already; move into an empty workspace"):
        move(source, other)
    assert state(other) == before
    move(source, shared)
    with pytest.raises(InvalidInput, match=r"holds data already, moved there from .*source"):
        move(other, shared)
    with pytest.raises(InvalidInput, match="keep their files in one place"):
        move(source, Workspace(source.path))
    with pytest.raises(InvalidInput, match="no workspace at"):
        move(Workspace(tmp_path / "none"), Workspace(tmp_path / "new"))


def test_what_is_damaged_does_not_move(source, shared, tmp_path):
    name = source.observations.manifest().months["2024-05"].name
    content = (source.path / name).read_bytes()
    (source.path / name).write_bytes(content[:-1] + b"x")
    with pytest.raises(SourceUnavailable, match=r"2024-05.*is damaged"):
        check(source)
    with pytest.raises(SourceUnavailable, match=r"2024-05.*is damaged"):
        move(source, shared)
    (source.path / name).write_bytes(content)
    snapshot = source.snapshots.name(source.versions("boilers")[0])
    (source.path / snapshot).unlink()
    with pytest.raises(MissingData, match="versions/"):
        move(source, Workspace(tmp_path / "new"))


def test_what_another_program_changed_moves_as_it_is_now(source, shared):
    with source.transaction():
        (record,) = source.records()
        frame = source.read("boilers").assign(capacity_tph=99.0, added="neu")
    source.backend.write(Change([(record, frame)]))
    with pytest.raises(SourceUnavailable, match="another program changed it"):
        check(source)
    move(source, shared)
    back = shared.read("boilers")
    assert back["capacity_tph"].tolist() == [99.0, 99.0]
    assert back["added"].tolist() == ["neu", "neu"]
    assert shared.record("boilers").content_hash == content_hash(back)
