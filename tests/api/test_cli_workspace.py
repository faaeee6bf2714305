"""The commands of a workspace in either store, as an administrator types them."""

import secrets

import pytest

from api.cli import main
from data_samples import folder


@pytest.fixture
def run(capsys):
    def command(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([*map(str, arguments)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def test_a_workspace_moves_to_the_database_and_every_command_finds_it_there(tmp_path, run, postgis_url, monkeypatch):
    ws, schema = tmp_path / "ws", f"t_{secrets.token_hex(6)}"
    assert run("layers", "add", "boilers", folder() / "boilers.csv", "--workspace", ws)[0] == 0
    assert run("observations", "add", folder() / "observations.csv", "--workspace", ws)[0] == 0
    to = ("--to", postgis_url, "--to-store", tmp_path / "files", "--to-schema", schema)
    code, out, err = run("workspace", "move", *to, "--workspace", ws)
    assert (code, err) == (0, "")
    assert "1 layers, 1 versions, " in out
    assert "all hashes agree, the source is unchanged" in out
    monkeypatch.setenv("SUYUAN_DATABASE_URL", postgis_url)
    monkeypatch.setenv("SUYUAN_STORE_URL", str(tmp_path / "files"))
    monkeypatch.setenv("SUYUAN_DATABASE_SCHEMA", schema)
    monkeypatch.chdir(tmp_path)
    assert run("workspace", "check")[0] == 0
    listed = run("layers", "list")[1]
    assert listed == run("layers", "list", "--workspace", ws)[1]
    assert run("layers", "add", "chp_units", folder() / "chp_units.geojson")[0] == 0
    code, out, err = run("zone", "heating")
    assert code == 0
    assert f"{schema}: heating_zones, heating_boilers" in out
    assert "chp_units" not in run("layers", "list", "--workspace", ws)[1]
    code, out, err = run("workspace", "move", "--to", tmp_path / "back")
    assert (code, err) == (0, "")
    assert run("layers", "list", "--workspace", tmp_path / "back")[1] == run("layers", "list")[1]
    assert run("observations", "export", tmp_path / "a.csv")[0] == 0
    assert run("observations", "export", tmp_path / "b.csv", "--workspace", tmp_path / "back")[0] == 0
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--to", "x"), "no workspace at"),
        (("--to", "x", "--to-store", "memory://y"), "leave it out"),
        (("--to", "postgresql://h/b"), "--to-store is missing"),
        (("--to", "mysql://h/b", "--to-store", "memory://y"), "only PostgreSQL"),
        (("--to", "postgresql://u:geheim@127.0.0.1:1/b", "--to-store", "memory://y"), "check that the database runs"),
    ],
)
def test_a_move_that_cannot_be_is_one_line(tmp_path, run, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = run("workspace", "move", *arguments, "--workspace", tmp_path / "none")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert message in err
    assert "geheim" not in err
    assert not (tmp_path / "x").exists()


def test_a_damaged_store_is_told(tmp_path, run):
    ws = tmp_path / "ws"
    assert run("layers", "add", "boilers", folder() / "boilers.csv", "--workspace", ws)[0] == 0
    code, out, _ = run("workspace", "check", "--workspace", ws)
    assert (code, "2 layers, versions and files agree" in out) == (0, True)
    (snapshot,) = (ws / "versions").iterdir()
    snapshot.write_bytes(b"junk")
    code, _, err = run("workspace", "check", "--workspace", ws)
    assert (code, "cannot be read" in err) == (2, True)
