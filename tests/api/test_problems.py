"""Problem details: the field, its value and what is allowed; when to come again."""

import re
from pathlib import Path

from fastapi import FastAPI

from api.app import create_app
from api.http_errors import add_error_handlers
from api.settings import Settings
from geo.errors import SourceUnavailable


def test_bad_bodies_and_parameters_name_field_value_and_what_is_allowed(ask_app, tmp_path: Path) -> None:
    client = ask_app(create_app(Settings(workspace=tmp_path / "none")))
    client.headers["Accept-Language"] = "zh"
    run = "/processes/zone-heating/execution"
    asked = [
        (client.post(run, content=b'{"inputs": ', headers={"Content-Type": "application/json"}), "body", ""),
        (client.post(run, content="文字", headers={"Content-Type": "text/plain"}), "body", "文字"),
        (client.post(run, json={"inputs": {"extra": 1}}), "extra", "1"),
        (client.get("/jobs?limit=0"), "limit", "0"),
        (client.get("/jobs?status=lost"), "status", "lost"),
        (client.get("/collections?f=tiff"), "f", "tiff"),
    ]
    for answer, field, value in asked:
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        told = answer.json()["errors"][0]
        assert (told["field"], told["value"]) == (field, value)
        assert re.search("[\u4e00-\u9fff]", told["allowed"]), told


def test_what_cannot_be_reached_says_when_to_come_again(ask_app) -> None:
    app = FastAPI()
    add_error_handlers(app)

    @app.get("/")
    def away() -> None:
        raise SourceUnavailable("cannot read x: Permission denied; restore a copy")

    answer = ask_app(app).get("/", headers={"Accept-Language": "zh"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert answer.json()["title"] == "文件或服务不可用"
