"""The three doors know each process and agree on its inputs; forms work without a script."""

import argparse
import re
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from api.app import create_app
from api.cli import build_parser
from api.processes import all_processes
from api.processes.describe import input_fields, read_values
from api.routes.process_form import form_values
from api.settings import Settings

PROCESSES = {process.id: process for process in all_processes()}
XSS = '"><script>alert(1)</script>'
INCIDENT = {"lat": "34.6", "lon": "119.22", "substance": "氯", "rate_g_s": "500", "height": "2", "wind_speed": "3"}


class Names(HTMLParser):
    """The fields of a page's forms: by name, whether it must be filled and what it holds."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, list[dict[str, str | None]]] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        if tag in ("input", "select") and found.get("name") not in (None, "csrf"):
            self.fields.setdefault(str(found["name"]), []).append(found)


@pytest.fixture
def web(tmp_path: Path, ask_app) -> httpx.Client:
    return ask_app(create_app(Settings(workspace=tmp_path / "ws")))


def command_inputs(name: str) -> set[str]:
    parser: argparse.ArgumentParser = build_parser()
    for word in PROCESSES[name].command:
        (choices,) = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        parser = choices[word]
    return {action.dest for action in parser._actions} - {"output", "workspace", "help", "lang", "language"}


@pytest.mark.parametrize("name", PROCESSES)
def test_the_three_doors_agree(web: httpx.Client, name: str) -> None:
    process = PROCESSES[name]
    by_command = command_inputs(name)
    writes_files = {name for name, field in process.inputs.model_fields.items() if field.exclude}
    by_http = web.get(f"/processes/{name}").json()["inputs"]
    form = Names(web.get(f"/processes/{name}?f=html").text).fields
    assert set(by_http) == set(form) == by_command - writes_files
    for field in input_fields(process):
        assert (by_http[field.name]["minOccurs"] == 1) == field.required
        schema = by_http[field.name]["schema"]
        shown = form[field.name][0]
        if field.limits and not field.several:
            assert {key: float(shown[key]) for key in field.limits} == {k: float(v) for k, v in field.limits.items()}
        if field.required and not field.several:
            assert "required" in shown
        assert schema.get("type") in ("string", "number", "integer", "boolean", "array")


@pytest.mark.parametrize("name", PROCESSES)
def test_an_untouched_form_means_the_defaults(web: httpx.Client, name: str) -> None:
    process = PROCESSES[name]
    page = web.get(f"/processes/{name}?f=html").text
    fields = {field.name: field for field in input_fields(process)}
    given = []
    for key, shown in Names(page).fields.items():
        given += [(key, str(one.get("value") or "")) for one in shown if one.get("type") != "checkbox"]
        given += [(key, str(one["value"])) for one in shown if one.get("type") == "checkbox" and "checked" in one]
    for key in fields:
        for option in re.findall(rf'id="in-{key}" name="{key}"[^>]*>(.*?)</select>', page, flags=re.S):
            given += [(key, text) for text in re.findall(r"<option selected>([^<]*)", option)]
    values = form_values(process, given)
    for key, field in fields.items():
        if field.default not in (None, [], False):
            assert key in values, key
    needed = {
        "zone-incident": INCIDENT,
        "trace": {"met": ["a.arl"], "start": "2020-01-01T00:00Z", "lat": 1, "lon": 1, "hours": -1},
        "hotspots-scan": {"file": "a", "cases": "n", "model": "poisson"},
        "zone-area": {"polygon": "a"},
        "zone-follow-up": {"follows": "a"},
        "zone-measures": {"colour": "orange"},
        "zone-pollution": {},
        "zone-warning": {},
    }.get(name, {"file": "a", "value": "v", "time": "t", "id": "i"})
    needed = {key: value for key, value in needed.items() if key in fields}
    plain, filled = read_values(process, needed), read_values(process, values | needed)
    assert filled == plain


@pytest.mark.parametrize("name", PROCESSES)
def test_inputs_are_explained_in_chinese_and_english(web: httpx.Client, name: str) -> None:
    page = web.get(f"/processes/{name}?f=html").text
    fields = input_fields(PROCESSES[name])
    lacking = [f.name for f in fields if not any("一" <= letter <= "鿿" for letter in f.description_zh)]
    assert lacking == [], 'say it with Annotated[..., Zh("...")] where the input is declared'
    assert PROCESSES[name].title_zh in page
    assert PROCESSES[name].title_en in page


def test_a_form_makes_a_job_and_leads_to_its_page(web: httpx.Client) -> None:
    answer = web.post("/processes/zone-incident/form", data=INCIDENT | {"levels": ["aegl", "pac"], "mass_kg": ""})
    assert answer.status_code == 303
    page = web.get(answer.headers["location"])
    assert "等待运行" in page.text
    assert '<script src="/static/job.js"' in page.text
    job = web.get(answer.headers["location"].split("?")[0]).json()
    assert (job["processID"], job["status"]) == ("zone-incident", "accepted")
    assert job["jobID"] in web.get("/jobs?f=html").text
    stopped = web.post(f"/jobs/{job['jobID']}/dismiss")
    assert stopped.status_code == 303
    assert "dismissed" in web.get(stopped.headers["location"]).text


def test_what_was_typed_comes_back_with_what_is_wrong(web: httpx.Client) -> None:
    answer = web.post("/processes/zone-incident/form", data=INCIDENT | {"hours": "99", "substance": XSS})
    assert answer.status_code == 422
    assert "应不大于 12" in answer.text
    assert "less than or equal to 12" in answer.text
    assert "<script" not in answer.text
    assert 'value="34.6"' in answer.text
    assert web.get("/jobs").json()["jobs"] == []


def test_a_page_can_be_opened_filled(web: httpx.Client) -> None:
    page = web.get("/processes/hotspots-gi", params={"f": "html", "file": "stations", "value": XSS}).text
    assert 'value="stations"' in page
    assert "<script" not in page
    assert web.get("/processes/hotspots-gi?f=html&colour=red").status_code == 422


def test_the_list_of_analyses_leads_to_each_form(web: httpx.Client) -> None:
    page = web.get("/processes?f=html").text
    for process in PROCESSES.values():
        assert f'href="/processes/{process.id}?f=html"' in page
