"""SaTScan's text files as their makers write them: blanks, tabs, commas, quotes, GB18030."""

from pathlib import Path

import pytest

from geo.errors import InvalidInput
from layers.satscan import read_parameters, read_satscan


def written(folder: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    "text",
    ["A 1 1985 3 2\nB 2 1986 4 1\n", "A\t1\t1985\t3\t2\r\nB\t2\t1986\t4\t1\r\n", "A,1,1985,3,2\n\nB, 2 ,1986,4,1"],
)
def test_cases_between_blanks_tabs_or_commas(tmp_path: Path, text: str) -> None:
    table = read_satscan(written(tmp_path, "x.cas", text))
    assert list(table.columns) == ["id", "cases", "time", "covariate_1", "covariate_2"]
    assert table.to_numpy().tolist() == [["A", "1", "1985", "3", "2"], ["B", "2", "1986", "4", "1"]]
    assert list(read_satscan(tmp_path / "x.cas", timed=False).columns)[2] == "covariate_1"


def test_names_with_blanks_and_in_chinese(tmp_path: Path) -> None:
    table = read_satscan(written(tmp_path, "x.GEO", '"Los Alamos"   66  102 7\n连云港 34.6 119.2 9\n', "gb18030"))
    assert list(table.columns) == ["id", "lat", "lon", "column_4"]
    assert table["id"].tolist() == ["Los Alamos", "连云港"]
    assert list(read_satscan(tmp_path / "x.GEO", axes=("x", "y")).columns)[:3] == ["id", "x", "y"]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("x.cas", "\n \n", "x.cas is empty"),
        ("x.cas", "A 1 1985\nB 2\n", "x.cas line 2 has 2 cells, not 3"),
        ("x.pop", "A 100\n", "x.pop line 1 has 2 cells, not 3: write id, year, population"),
        ("x.ctl", "A\n", "write id, controls, time"),
    ],
)
def test_what_is_no_such_file(tmp_path: Path, name: str, text: str, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        read_satscan(written(tmp_path, name, text))


def test_parameters(tmp_path: Path) -> None:
    text = "[Input]\n;case data filename=x\nCaseFile=C:\\data\\nm.cas\nScanAreas = 1\n"
    assert read_parameters(written(tmp_path, "x.prm", text)) == {"casefile": "C:\\data\\nm.cas", "scanareas": "1"}
    with pytest.raises(InvalidInput, match="no CaseFile"):
        read_parameters(written(tmp_path, "y.prm", "hello\n"))
