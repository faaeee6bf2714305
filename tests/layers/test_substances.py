"""The table of substances: names, units, agreement of the schemes with one another, and users' own tables."""

from pathlib import Path

import pytest

from geo.errors import InvalidInput
from layers.substances import (
    COPY,
    SCHEMES,
    UNCHECKED,
    find_substance,
    gas_density,
    load_substances,
    mg_m3_from_ppm,
    ppm_from_mg_m3,
)

KNOWN = load_substances()
AT_25_C = {"temperature_c": 25.0, "pressure_hpa": 1013.25}


def test_some_twenty_substances_each_number_with_a_source() -> None:
    assert len(KNOWN) >= 20
    for substance in KNOWN.values():
        assert substance.name_zh
        assert substance.cas.count("-") == 2
        assert all(item.source and item.scheme in SCHEMES for item in substance.thresholds)


def test_default_levels_were_seen_in_a_source() -> None:
    # HJ 169 comes first by default: not one of its end points may rest on memory.
    sources = [item.source for substance in KNOWN.values() for item in substance.levels("hj169")]
    assert len(sources) == 48
    assert all(COPY in source and UNCHECKED not in source for source in sources)


def test_each_level_of_the_hour_was_seen_in_a_source() -> None:
    # PAC, ERPG and the hour's AEGL may not rest on memory either; other times may, and say so.
    unseen = [item for s in KNOWN.values() for item in s.thresholds if UNCHECKED in item.source]
    assert all(item.scheme == "aegl" and item.minutes != 60 for item in unseen)


def test_protective_action_criteria_are_the_hour_levels() -> None:
    for substance in KNOWN.values():
        hour = {item.level: item.value for item in substance.levels("aegl", minutes=60) if item.minutes == 60}
        assert all(item.value == hour[item.level] for item in substance.levels("pac"))


@pytest.mark.parametrize("name", ["chlorine", "氯", "Chlorine ", "cl2", "7782-50-5", "液氯"])
def test_a_substance_has_many_names(name: str) -> None:
    assert find_substance(name, KNOWN).name == "chlorine"


def test_names_are_unique() -> None:
    names = [n.casefold() for s in KNOWN.values() for n in {s.name, s.name_zh, s.cas, *s.synonyms}]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "substance", [s for s in KNOWN.values() if s.levels("hj169") and s.levels("aegl")], ids=lambda s: s.name
)
def test_end_points_are_the_hour_levels_in_mass(substance) -> None:
    # HJ 169 took its end points from the 60-minute AEGL 3 and 2, rounded: two tables typed apart must agree.
    aegl = {item.level: item for item in substance.levels("aegl", minutes=60)}
    for end_point, level in zip(substance.levels("hj169"), (3, 2), strict=True):
        mass = mg_m3_from_ppm(aegl[level].value, substance.molar_mass, **AT_25_C)
        assert end_point.value == pytest.approx(mass, rel=0.06)


@pytest.mark.parametrize("substance", KNOWN.values(), ids=lambda s: s.name)
def test_graver_levels_are_higher_and_longer_ones_lower(substance) -> None:
    for scheme in SCHEMES:
        values = [item.value for item in substance.levels(scheme)]
        assert values == sorted(values, reverse=True)
    for level in (1, 2, 3):
        by_time = sorted((t.minutes, t.value) for t in substance.thresholds if (t.scheme, t.level) == ("aegl", level))
        assert [v for _, v in by_time] == sorted((v for _, v in by_time), reverse=True)


@pytest.mark.parametrize(("minutes", "expected"), [(5, 10), (10, 10), (15, 30), (60, 60), (61, 240), (900, 480)])
def test_the_next_longer_duration_decides(minutes: int, expected: int) -> None:
    assert {item.minutes for item in find_substance("chlorine", KNOWN).levels("aegl", minutes=minutes)} == {expected}


def test_ppm_and_mass_by_hand() -> None:
    # One mole takes 24.465 l at 25 C and 1013.25 hPa.
    assert mg_m3_from_ppm(1.0, 70.906, **AT_25_C) == pytest.approx(70.906 / 24.465, rel=1e-4)
    assert ppm_from_mg_m3(mg_m3_from_ppm(3.3, 17.0, **AT_25_C), 17.0, **AT_25_C) == pytest.approx(3.3)
    assert gas_density(28.9647, temperature_c=0.0, pressure_hpa=1013.25) == pytest.approx(1.2923, rel=1e-3)


@pytest.mark.parametrize(("temperature", "pressure", "said"), [(300.0, 1013.0, "300"), (25.0, 101325.0, "hPa")])
def test_impossible_air_is_refused(temperature: float, pressure: float, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        gas_density(17.0, temperature_c=temperature, pressure_hpa=pressure)


def test_an_unknown_substance_lists_the_known() -> None:
    with pytest.raises(InvalidInput, match="chlorine.*methanol"):
        find_substance("unobtainium", KNOWN)


HEADER = "name,molar_mass_g_mol,scheme,level,duration_min,value,unit,source\n"


def test_users_add_and_replace(tmp_path: Path) -> None:
    own = tmp_path / "own.csv"
    own.write_text(HEADER + "甲硫醇,48.1,erpg,2,60,25,ppm,plant file\nchlorine,70.9,hj169,1,,50,mg/m3,test\n", "utf-8")
    known = load_substances([own])
    assert find_substance("甲硫醇", known).levels("erpg")[0].value == 25.0
    assert [item.value for item in find_substance("chlorine", known).levels("hj169")] == [50.0]


@pytest.mark.parametrize("name", ["Chlorine", "氯", "7782-50-5", "CL2"])
def test_own_levels_hold_whatever_name_is_asked_for(tmp_path: Path, name: str) -> None:
    own = tmp_path / "own.csv"
    own.write_text(HEADER + f"{name},70.9,hj169,1,,10,mg/m3,test\n", "utf-8")
    known = load_substances([own])
    for asked in ("chlorine", "氯气", "Cl2", "7782-50-5"):
        assert [item.value for item in find_substance(asked, known).levels("hj169")] == [10.0]
    assert len(known) == len(KNOWN)


@pytest.mark.parametrize(
    ("asked", "meant"),
    [("clorine", "chlorine (氯)?"), ("sulfur dioxyde", "sulphur dioxide (二氧化硫)"), ("光气体", "phosgene")],
)
def test_a_slip_is_told_what_it_may_mean(asked: str, meant: str) -> None:
    with pytest.raises(InvalidInput) as told:
        find_substance(asked, KNOWN)
    assert meant in str(told.value).split("Known are")[0]


def test_a_level_stands_once_and_a_substance_has_one_mass(tmp_path: Path) -> None:
    own = tmp_path / "own.csv"
    row = "x,48,hj169,1,,10,mg/m3,s\n"
    for more, said in ((row, "HJ 169 end point 1 stands there twice"), ("x,50,hj169,2,,1,mg/m3,s\n", "is 48 and 50")):
        own.write_text(HEADER + row + more, "utf-8")
        with pytest.raises(InvalidInput, match=said):
            load_substances([own])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("x,48,erpg,2,60,-1,ppm,s", "value '-1'"),
        ("x,0,erpg,2,60,1,ppm,s", "molar_mass"),
        ("x,48,tlv,2,60,1,ppm,s", "hj169, aegl, erpg, pac"),
        ("x,48,hj169,3,,1,ppm,s", "no level 3"),
        ("x,48,erpg,2,60,1,ug/m3,s", "mg/m3, ppm"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: str, said: str) -> None:
    own = tmp_path / "own.csv"
    own.write_text(HEADER + row + "\n", "utf-8")
    with pytest.raises(InvalidInput, match=said):
        load_substances([own])


def test_a_table_without_a_column_is_refused(tmp_path: Path) -> None:
    own = tmp_path / "own.csv"
    own.write_text("name,value\nx,1\n", "utf-8")
    with pytest.raises(InvalidInput, match="molar_mass_g_mol"):
        load_substances([own])
