"""Layers made of layers follow what they rest on, in the same step, and say from which versions they were made."""

import pytest

from geo.errors import SourceUnavailable
from layers.add import add_file
from layers.derived import RULES, derive, stale_sources
from layers.history import rollback
from layers.store import LayerData

CHP = "name,plant,capacity_mw,status,lon,lat\n"
BOILERS = "id,name,fuel,capacity_tph,lon,lat\n"
SITES = "name,area_m2,online_monitor,video,lon,lat\n"
STATIONS = "id,name,level,lon,lat\n"
SOURCES = "id,name,stack_height_m,online_monitor,lon,lat\n"


def add(workspace, layer, text, **options):
    path = workspace.path.parent / f"{layer}.csv"
    path.write_text(text, encoding="utf-8")
    return add_file(workspace, layer, path, **options)


def inputs(workspace, layer) -> dict[str, int]:
    record = workspace.record(layer)
    for entry in record.provenance["inputs"]:
        assert entry["sha256"] == workspace.record(entry["id"]).content_hash
    return {entry["id"]: entry["version"] for entry in record.provenance["inputs"]}


def ids(workspace) -> list[str]:
    return [record.id for record in workspace.records()]


def test_zones_follow_plants_and_boilers(workspace):
    add(workspace, "boilers", BOILERS + "1,近,coal,10,119.2,34.6\n2,远,coal,10,121,34.6\n")
    assert ids(workspace) == ["boilers"]
    add(workspace, "chp_units", CHP + "1号,甲厂,300,operating,119.2,34.5\n")
    assert inputs(workspace, "heating_zones") == {"boilers": 1, "chp_units": 1}
    judged = workspace.read("heating_boilers")
    assert judged[["name", "action"]].values.tolist() == [["近", "close_or_integrate"], ["远", "none"]]
    add(workspace, "boilers", BOILERS + "1,近,gas,10,119.2,34.6\n")
    assert inputs(workspace, "heating_boilers") == {"boilers": 2, "chp_units": 1}
    assert workspace.read("heating_boilers")["action"].tolist() == ["none", "none"]
    rollback(workspace, "boilers", 1)
    assert inputs(workspace, "heating_boilers") == {"boilers": 3, "chp_units": 1}
    assert workspace.read("heating_boilers")["action"].tolist() == ["close_or_integrate", "none"]
    assert workspace.record("heating_zones").provenance["process"] == "heating-zones"


def test_cleaning_zones_follow_stations(workspace):
    add(workspace, "stations", STATIONS + "1,甲,township,119,34\n")
    assert ids(workspace) == ["stations"]
    add(workspace, "stations", STATIONS + "2,乙,national,119.1,34\n", set_values={"synthetic": True})
    zones = workspace.read("road_cleaning_zones")
    assert zones["kind"].tolist() == ["station", "dissolved"]
    assert inputs(workspace, "road_cleaning_zones") == {"stations": 2}
    assert workspace.record("road_cleaning_zones").synthetic
    add(workspace, "stations", STATIONS + "2,乙,city,119.1,34\n")
    record = workspace.record("road_cleaning_zones")
    assert (record.count, record.note_en) == (0, "nothing in the layers it rests on fits the rule")


def test_lists_of_who_lacks_a_monitor_follow_their_ledgers(workspace):
    add(workspace, "construction_sites", SITES + "大,8000,是,否,119,34\n小,100,否,否,119,34\n")
    assert workspace.read("unmonitored_sites")["lacking"].tolist() == ["video"]
    add(workspace, "construction_sites", SITES + "大,8000,是,是,119,34\n", replace=True)
    assert workspace.count("unmonitored_sites") == 0
    assert inputs(workspace, "unmonitored_sites") == {"construction_sites": 2}
    add(workspace, "emission_sources", SOURCES + "1,甲,60,否,119,34\n2,乙,45,否,119,34\n")
    assert workspace.read("unmonitored_stacks")["name"].tolist() == ["甲"]


def test_ledger_and_what_rests_on_it_appear_together_or_not_at_all(workspace, state, monkeypatch):
    add(workspace, "stations", STATIONS + "1,甲,national,119,34\n")
    before = state(workspace)

    def refuse(change) -> None:
        assert [record.id for record, _ in change.layers] == ["stations", "road_cleaning_zones"]
        raise SourceUnavailable("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(workspace.backend, "write", refuse)
        with pytest.raises(SourceUnavailable, match="no space left"):
            add(workspace, "stations", STATIONS + "2,乙,national,119.1,34\n")
    assert state(workspace)[1:] == before[1:]


def test_what_other_programs_changed_is_told_and_made_again(workspace):
    add(workspace, "stations", STATIONS + "1,甲,national,119,34\n2,乙,city,119.1,34\n")
    zones = workspace.record("road_cleaning_zones")
    assert stale_sources(workspace, zones) == []
    edited = workspace.read("stations").assign(level="provincial")
    workspace.write({"stations": LayerData(edited)})
    assert stale_sources(workspace, zones) == ["stations"]
    assert [record.id for record in derive(workspace)] == ["road_cleaning_zones"]
    assert workspace.count("road_cleaning_zones") == 3
    assert inputs(workspace, "road_cleaning_zones") == {"stations": None}


def test_a_rule_that_fails_does_not_hold_the_ledger_up(workspace, caplog):
    add(workspace, "stations", STATIONS + "1,甲,national,119,34\n")
    broken = workspace.read("stations")
    broken.loc[0, "geometry"] = None
    workspace.write({"stations": LayerData(broken)})
    derive(workspace)
    record = workspace.record("road_cleaning_zones")
    assert record.count == 2
    assert "could not be made again: stations: 1 has no position" in record.note_en
    assert "road_cleaning_zones 未能重算" in caplog.text
    assert stale_sources(workspace, record) == ["stations"]


def test_no_layer_is_made_twice_and_none_of_itself():
    made = [name for rule in RULES for name in rule.makes]
    assert len(made) == len(set(made))
    assert not set(made) & {name for rule in RULES for name in rule.sources}
