"""The empty sheet: every column is recognised again, and a filled one goes in."""

import openpyxl
import pytest

from geo.errors import InvalidInput, SourceUnavailable
from layers.add import add_file
from layers.catalogue import SCHEMAS, UnknownLayer, get_schema
from layers.reduction import load_measures
from layers.schema import match_headers
from layers.store import Workspace
from layers.substances import load_substances
from layers.template import TABLES, choices, header, template_fields, write_template
from layers.warning_rules import load_rule_sets

LEDGERS = [layer for layer, schema in SCHEMAS.items() if not schema.derived and schema.kind == "vector"]


@pytest.mark.parametrize("layer", LEDGERS)
def test_every_heading_leads_back_to_its_own_field_and_unit(layer):
    columns = template_fields(get_schema(layer))
    headings = [header(field) for field in columns]
    assert len(set(headings)) == len(headings)
    found = match_headers(headings, get_schema(layer))
    expected = {name: (header(get_schema(layer).field(name)), 1.0, None) for name in get_schema(layer).names}
    assert found == expected
    for field in columns:
        listed = ",".join(choices(field))
        assert len(listed) <= 253, "Excel's limit for a list written into the rule"
        assert listed.count(",") == max(len(choices(field)) - 1, 0)


def test_a_filled_template_goes_in(tmp_path):
    path = write_template("boilers", tmp_path / "锅炉.xlsx")
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    headings = [cell.value for cell in sheet[1]]
    assert headings[:5] == ["锅炉编号", "锅炉名称", "燃料*", "容量（t/h）*", "状态"]
    assert [cell.value for cell in book["填写说明"]["A"]][1:4] == ["锅炉编号", "锅炉名称", "燃料"]
    rules = {str(rule.sqref): rule for rule in sheet.data_validations.dataValidation}
    assert rules["C2:C5000"].formula1 == '"燃煤,燃气,生物质,燃油"'
    assert (rules["D2:D5000"].formula1, rules["D2:D5000"].formula2) == ("0", "5000")
    row = {"锅炉编号": "0012", "燃料*": "燃煤", "容量（t/h）*": 35, "状态": "在用", "在线监测": "是"}
    row |= {"经度（°）*": 119.2, "纬度（°）*": 34.6}
    for number, name in enumerate(headings, start=1):
        sheet.cell(row=2, column=number, value=row.get(name))
    book.save(path)
    workspace = Workspace(tmp_path / "w")
    assert add_file(workspace, "boilers", path).added == 1
    boiler = workspace.read("boilers").iloc[0]
    stored = (boiler["id"], boiler["fuel"], boiler["capacity_tph"], boiler["status"], boiler["online_monitor"])
    assert stored == ("0012", "coal", 35.0, "operating", True)
    assert (boiler.geometry.x, boiler.geometry.y) == (119.2, 34.6)


@pytest.mark.parametrize("layer", [layer for layer in LEDGERS if layer != "fire_points"])
def test_an_empty_template_is_told_as_empty(tmp_path, layer):
    path = write_template(layer, tmp_path / "t.xlsx")
    with pytest.raises(InvalidInput, match="no rows under its header"):
        add_file(Workspace(tmp_path / "w"), layer, path)


def test_a_day_without_fires_is_no_error(tmp_path):
    path = write_template("fire_points", tmp_path / "t.xlsx")
    assert add_file(Workspace(tmp_path / "w"), "fire_points", path).added == 0


def test_a_template_never_replaces_a_file_and_is_not_made_for_results(tmp_path):
    path = write_template("stations", tmp_path / "s.xlsx")
    before = path.read_bytes()
    with pytest.raises(InvalidInput, match="is there already"):
        write_template("stations", path)
    assert path.read_bytes() == before
    with pytest.raises(InvalidInput, match=r"name it \.xlsx"):
        write_template("stations", tmp_path / "s.csv")
    with pytest.raises(InvalidInput, match="made by Suyuan"):
        write_template("heating_zones", tmp_path / "z.xlsx")
    with pytest.raises(InvalidInput, match="satellite files"):
        write_template("fire_rasters", tmp_path / "z.xlsx")
    with pytest.raises(UnknownLayer):
        write_template("boiler", tmp_path / "z.xlsx")
    with pytest.raises(SourceUnavailable, match="cannot write"):
        write_template("stations", tmp_path / "no" / "s.xlsx")
    assert [found.name for found in tmp_path.iterdir()] == ["s.xlsx"]


@pytest.mark.parametrize("name", TABLES)
def test_the_program_s_own_tables_can_be_taken_out_changed_and_used(name, tmp_path):
    path = write_template(name, tmp_path / TABLES[name])
    read = {"warning_rules": load_rule_sets, "reduction_measures": load_measures}
    found = read[name](path) if name in read else load_substances([path])
    assert found == (read[name](None) if name in read else load_substances())
    with pytest.raises(InvalidInput, match="already there|is there"):
        write_template(name, path)
    with pytest.raises(InvalidInput, match="name it"):
        write_template(name, tmp_path / "x.pdf")


def test_rules_name_their_source():
    assert all(one.source for one in load_rule_sets())
    sources = {key: one.source for key, one in load_measures().items()}
    assert all("guide" in text if grade == "A" else "no document" in text for (_, grade), text in sources.items())
