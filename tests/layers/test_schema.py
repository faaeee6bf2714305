import pytest

from geo.errors import InvalidInput
from layers.catalogue import SCHEMAS, UnknownLayer, get_schema
from layers.schema import key, match_headers, split_unit

LAYERS = (
    "region districts stations parks construction_sites boilers chp_units fire_points fire_rasters "
    "townships emission_sources heating_zones heating_boilers road_cleaning_zones station_aqi "
    "station_means trajectories trajectory_points hotspots local_moran emerging_hotspots hotspot_clusters "
    "alarms alarm_episodes point_density cluster_points point_clusters hot_grid affected_zones zone_bands "
    "arrival_lines zone_districts zone_objects pollution_zones pollution_above pollution_districts "
    "pollution_stations pollution_warnings reduction_sources reduction_totals sites_to_stop vehicle_zones zone_areas "
    "area_districts area_objects unmonitored_sites unmonitored_stacks"
)


def test_every_layer_of_the_design_has_a_schema_with_titles_in_both_languages():
    assert set(LAYERS.split()) <= set(SCHEMAS)
    for schema in SCHEMAS.values():
        assert schema.title_zh
        assert schema.title_en
        assert len(set(schema.names)) == len(schema.names)
        assert schema.names[-1] == "synthetic"
        for field in schema.fields:
            assert field.title_zh
            assert field.title_en
            assert field.choices is None or len({c.value for c in field.choices}) == len(field.choices)


@pytest.mark.parametrize("layer", SCHEMAS)
def test_no_spelling_of_a_header_or_a_choice_means_two_things(layer):
    schema = SCHEMAS[layer]
    owners: dict[str, str] = {}
    for field in schema.fields:
        for text in {key(t) for t in (field.name, field.title_zh, field.title_en, *field.synonyms)}:
            assert owners.setdefault(text, field.name) == field.name, text
        spellings = [(key(t), c.value) for c in field.choices or () for t in (c.value, c.title_zh, *c.synonyms)]
        assert len({k for k, _ in spellings}) == len(set(spellings))


def test_only_what_an_analysis_cannot_do_without_is_required():
    required = {s.id: {f.name for f in s.fields if f.required} for s in SCHEMAS.values() if not s.derived}
    assert required == {
        "region": {"name"},
        "districts": {"name"},
        "stations": {"id", "name"},
        "parks": {"name"},
        "construction_sites": {"area_m2"},
        "boilers": {"fuel", "capacity_tph"},
        "chp_units": {"capacity_mw"},
        "fire_points": {"time"},
        "fire_rasters": {"time", "kind", "path"},
        "townships": {"name"},
        "emission_sources": {"name"},
        "mobile_tracks": {"time", "pollutant", "value"},
    }


def test_headers_of_an_office_are_found_with_their_units():
    found = match_headers(["锅炉名称", "容量（蒸吨/小时）", "燃料", "经度", "是否安装在线监测"], get_schema("boilers"))
    assert found == {
        "name": ("锅炉名称", 1.0, None),
        "capacity_tph": ("容量（蒸吨/小时）", 1.0, None),
        "fuel": ("燃料", 1.0, None),
        "online_monitor": ("是否安装在线监测", 1.0, None),
    }
    assert match_headers(["装机容量(万千瓦)"], get_schema("chp_units"))["capacity_mw"] == (
        "装机容量(万千瓦)",
        10.0,
        None,
    )
    assert match_headers(["capacity (horses)"], get_schema("chp_units"))["capacity_mw"][2] == "horses"


def test_a_canonical_header_goes_before_a_synonym_and_a_shapefile_name_is_known():
    assert match_headers(["企业名称", "name"], get_schema("boilers"))["name"][0] == "name"
    assert match_headers(["good_day_r"], get_schema("districts"))["good_day_ratio_target_pct"][0] == "good_day_r"


def test_split_unit():
    assert split_unit("容量【吨】") == ("容量", "吨")
    assert split_unit("name") == ("name", None)
    assert split_unit("(a)") == ("(a)", None)


def test_an_unknown_layer_lists_what_there_is():
    with pytest.raises(UnknownLayer, match="unknown layer 'boiler'; the layers are region, districts, stations"):
        get_schema("boiler")
    with pytest.raises(InvalidInput, match="no field 'levle'; its fields are id, name, level"):
        get_schema("stations").field("levle")
