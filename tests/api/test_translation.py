"""Every error in both languages: the catalogue holds each text that the sources raise, and the doors tell it."""

import ast
import re
import time
import tomllib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from api.app import create_app
from api.language import terminal_language
from api.settings import Settings
from api.translation import catalogue, chinese, told
from tests.api.raised_texts import HOLE, _of_module, raised_texts

HOLES = re.compile(r"\{\d+\}")


def test_every_raise_has_its_chinese_text(root: Path) -> None:
    known = catalogue()
    raised = list(raised_texts(root))
    assert len(raised) > 700
    # A text that only joins what is filled in has no words of its own.
    words = [one for one in raised if re.search("[A-Za-z]{2}", HOLES.sub("", one.text))]
    missing = [f"{one.place}: {one.text}" for one in words if not one.chinese and one.text not in known]
    assert not missing, "add these to api/messages_zh:\n" + "\n".join(missing)


def test_no_text_is_left_over_from_what_is_raised_no_more(root: Path) -> None:
    raised = {one.text for one in raised_texts(root)}
    left = [text for text in catalogue() if text not in raised and text not in phrases()]
    assert not left, "take these out of api/messages_zh:\n" + "\n".join(left)


def phrases() -> set[str]:
    path = Path(__file__).parents[2] / "api/messages_zh/phrases.toml"
    return set(tomllib.loads(path.read_text("utf-8")))


def test_a_new_raise_without_chinese_is_found() -> None:
    source = """
def f(x):
    wrong = f"{x} has {len(x)} cells" if x else "is empty"
    raise InvalidInput(f"{x}: {'too few' if x else 'too many'}; " + f"give {x!r:>5}")
    raise errors.MissingData(wrong)
    raise InvalidInput(_at(x, "is one of them"))

def _at(x, y):
    return f"row {x}: {y}"
"""
    found = [one.text for one in _of_module(ast.parse(source), "m.py")]
    assert found == [
        "{1}: too few; give {2}",
        "{1}: too many; give {2}",
        "{1} has {2} cells",
        "is empty",
        "row {1}: {2}",
        "is one of them",
    ]
    assert HOLE not in "".join(found)


def test_the_holes_of_both_texts_agree() -> None:
    for english, zh in catalogue().items():
        assert sorted(HOLES.findall(english)) == sorted(HOLES.findall(zh)), english
        several = len(re.findall("[a-z]{2,}", HOLES.sub("", english))) > 1
        assert re.search("[\u4e00-\u9fff]", zh) or not several, english
        assert not zh.endswith(("。", ".")), english


def test_each_text_is_found_again() -> None:
    for english, zh in catalogue().items():
        filled, expected = (HOLES.sub(lambda hole: f"<{hole[0][1:-1]}>", text) for text in (english, zh))
        assert chinese(filled) == expected


def test_phrases_inside_are_translated_and_what_users_wrote_is_not() -> None:
    text = "cannot read /data/x.csv: Permission denied; restore a copy"
    assert "没有权限" in (chinese(text) or "")
    assert (
        chinese("unknown datum 'mars': use one of wgs84, cgcs2000") == "未知的坐标系 'mars'：请用 wgs84, cgcs2000 之一"
    )
    assert told("unknown  datum\n'x': use one of a", "en") == "unknown datum 'x': use one of a"
    assert told("words that nobody wrote", "zh") == "words that nobody wrote"
    assert told("words", "zh", "词") == "词"


@given(st.text(max_size=200))
def test_no_text_breaks_the_search(text: str) -> None:
    assert chinese(text) is None or isinstance(chinese(text), str)


def test_a_hostile_text_takes_no_time() -> None:
    begun = time.perf_counter()
    chinese("x: " * 1_000_000)
    chinese("starts row " + "; " * 100_000 + "!")
    assert time.perf_counter() - begun < 2.0


def test_each_door_tells_it_in_chinese(ask_app, tmp_path: Path, suyuan, monkeypatch) -> None:
    client = ask_app(create_app(Settings(workspace=tmp_path / "none", sync_seconds=0)))
    asked = {"Accept-Language": "zh-CN,zh;q=0.9"}
    for path in ("/collections/x", "/collections?f=tiff", "/jobs?status=lost", "/collections?bbox=1,2"):
        answer = client.get(path, headers=asked)
        assert answer.status_code in (404, 422)
        assert re.search("[\u4e00-\u9fff]", answer.json()["detail"]), answer.text
        assert not re.search("[\u4e00-\u9fff]", client.get(path, headers={"Accept-Language": "en"}).json()["detail"])
    inputs = {"inputs": {"file": "x", "value": "v", "permutations": "many"}}
    answer = client.post("/processes/hotspots-gi/execution", json=inputs, headers=asked)
    assert "应为整数" in answer.json()["detail"]
    code, _, said = suyuan("--lang", "zh", "layers", "show", "boilers")
    assert (code, said) == (2, f"suyuan: {tmp_path / 'ws'} 没有工作区；" + said.partition("；")[2])


def test_the_terminal_s_language_is_used(suyuan, monkeypatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert "没有工作区" in suyuan("layers", "show", "boilers")[2]
    assert "应不大于 65535" in suyuan("serve", "--port", "99999")[2]
    assert "缺 --substance：物质" in suyuan("zone", "incident", "--lat", "35", "--lon", "119")[2]
    assert "no workspace" in suyuan("layers", "show", "boilers", "--lang", "en")[2]
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    assert "no workspace" in suyuan("layers", "show", "boilers")[2]
    assert [terminal_language(words) for words in (["--lang=zh"], ["--lang"], [])] == ["zh", "en", "en"]
