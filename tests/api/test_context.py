"""What a run remembers of its sources."""

import hashlib
from pathlib import Path

import pytest

from api.processes.context import Context
from geo.errors import InvalidInput


def test_two_files_of_one_name_are_both_remembered(tmp_path: Path) -> None:
    context = Context(tmp_path / "ws")
    for folder, content in (("a", b"1"), ("b", b"2"), ("c", b"1")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "met.arl").write_bytes(content)
        context.file(tmp_path / folder / "met.arl")
    hashes = {hashlib.sha256(content).hexdigest() for content in (b"1", b"2")}
    assert set(context.inputs_read().values()) == hashes
    assert len(context.inputs_read()) == 2


def test_files_are_refused_where_only_layers_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "secret.geojson").write_text("{}")
    context = Context(tmp_path / "ws", files=False)
    with pytest.raises(InvalidInput, match="id of a layer"):
        context.vector(str(tmp_path / "secret.geojson"))
    with pytest.raises(InvalidInput, match="id of a layer"):
        context.file(tmp_path / "secret.geojson")
