"""`suyuan aqi` as it is typed: no workspace, one clear line, exit codes."""

from pathlib import Path

import pandas as pd
import pytest

from api.cli import main
from layers.aqi_kernels import BREAKPOINTS, IAQI_STEPS

ITEMS = {"pm25": "pm25_24h", "pm10": "pm10_24h", "so2": "so2_24h", "no2": "no2_24h", "co": "co_24h", "o3_8h": "o3_8h"}


@pytest.fixture
def aqi(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """Run the command in an empty folder on a table's text; returns exit code, table out, stderr."""
    monkeypatch.chdir(tmp_path)

    def run(text: str, *options: str) -> tuple[int, pd.DataFrame | None, str]:
        Path("in.csv").write_text(text, encoding="utf-8")
        try:
            code = main(["aqi", "in.csv", "--output", "out.csv", *options])
        except SystemExit as leaving:
            code = int(leaving.code or 0)
        out = pd.read_csv("out.csv", dtype="str", keep_default_na=False) if Path("out.csv").exists() else None
        return code, out, capsys.readouterr().err

    return run


@pytest.mark.parametrize(("date", "standard"), [("2026-02-28", "HJ 633-2012"), ("2026-03-01", "HJ 633-2026")])
def test_every_break_point_one_above_it_and_above_the_top(aqi, date: str, standard: str) -> None:
    rows, expected = [], []
    for column, item in ITEMS.items():
        steps = BREAKPOINTS[standard][item]
        smallest = 0.1 if column == "co" else 1
        for at, step in enumerate(steps):
            rows.append({"date": date, column: step})
            expected.append(IAQI_STEPS[at])
            rows.append({"date": date, column: round(step + smallest, 1)})
            rise = (IAQI_STEPS[at + 1] - IAQI_STEPS[at]) / (steps[at + 1] - step) if at + 1 < len(steps) else 0
            expected.append(IAQI_STEPS[at] + int(-(-round(rise * smallest, 9) // 1)))
    code, out, _ = aqi(pd.DataFrame(rows, columns=["date", *ITEMS]).to_csv(index=False))
    assert code == 0
    assert out is not None
    assert out["aqi"].astype(int).tolist() == expected
    primary = [
        next(name for name in ITEMS if name in row) if index > 50 else ""
        for row, index in zip(rows, expected, strict=True)
    ]
    assert out["primary"].tolist() == primary
    assert set(out["standard"]) == {standard}


def test_it_needs_no_workspace_and_leaves_nothing_else(aqi, tmp_path: Path) -> None:
    code, out, said = aqi("date,station_id,pm25,pm10,so2,no2,co,o3_8h\n2024-05-01,a,,,,,,\n")
    assert (code, said) == (0, "")
    assert out is not None
    assert out.iloc[0]["aqi"] == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("date,pm25\n2024-05-01,x\n", (), "in.csv, line 2, column pm25: 'x' is not a number"),
        ("station_id\na\n", (), "has no column for the date"),
        ("date,pm25\n2024-05-01,1\n", ("--unit", "pm25"), "--unit pm25: write it as NAME=VALUE"),
        ("date,pm25\n2024-05-01,1\n", ("--kind", "weekly"), "invalid choice: 'weekly'"),
    ],
)
def test_bad_input_is_exit_2_and_one_line(aqi, text: str, options: tuple[str, ...], message: str) -> None:
    code, out, said = aqi(text, *options)
    assert (code, out, said.count("\n")) == (2, None, 1)
    assert message in said


def test_an_output_that_cannot_be_written_is_refused_first(aqi, capsys: pytest.CaptureFixture[str]) -> None:
    aqi("date,pm25\n2024-05-01,1\n")
    assert main(["aqi", "in.csv", "--output", "out.pdf"]) == 2
    assert "unknown format .pdf" in capsys.readouterr().err
    assert main(["aqi", "in.csv", "--output", "none/out.csv"]) == 2
    assert "the folder none is not there" in capsys.readouterr().err
    with pytest.raises(SystemExit) as leaving:
        main(["aqi", "--help"])
    assert leaving.value.code == 0
    assert "example: suyuan aqi" in capsys.readouterr().out
