"""One table turns the errors of Suyuan into HTTP answers: problem details as of RFC 9457."""

import logging
import re
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api.errors import (
    Busy,
    Conflict,
    Forbidden,
    NoSuchJob,
    NoSuchProcess,
    NotSignedIn,
    ResultNotReady,
    Throttled,
    TooLarge,
    UnknownResource,
)
from api.language import Language, allowed_zh, preferred
from api.processes.describe import InvalidFields
from api.translation import told
from geo.errors import InvalidInput, MissingData, NotConverged, SourceUnavailable, SuyuanError
from layers.store import UnknownLayer

_log = logging.getLogger(__name__)

# Such as "limit=-1: give 1 or more" and "--month 13: write it as 2021-10".
_NAMED = re.compile(
    r"(?:(?P<parameter>[a-z][\w-]*)=|--(?P<option>[a-z][a-z-]*) )(?P<value>[^\n]*?)(?:: |：)(?P<allowed>.+)", re.DOTALL
)
_LATER_SECONDS = 30
_OGC = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0"
PROBLEM_JSON = "application/problem+json"


@dataclass(frozen=True)
class Problem:
    """A kind of problem: its status, the last part of its type's URN, and its title in both languages.

    `uri` is the type where a standard has one for it.
    """

    status: int
    kind: str
    title_zh: str
    title_en: str
    uri: str = ""

    def title(self, language: Language | None) -> str:
        """Return the title in a language, in both where none was asked for."""
        both = f"{self.title_zh} · {self.title_en}" if self.title_zh != self.title_en else self.title_en
        return {"zh": self.title_zh, "en": self.title_en}.get(language or "", both)


PROBLEMS: dict[type[SuyuanError], Problem] = {
    UnknownLayer: Problem(404, "not-found", "没有这个资源", "No such resource"),
    NoSuchProcess: Problem(404, "no-such-process", "没有这个分析", "No such process", f"{_OGC}/no-such-process"),
    NoSuchJob: Problem(404, "no-such-job", "没有这个任务", "No such job", f"{_OGC}/no-such-job"),
    ResultNotReady: Problem(404, "result-not-ready", "还没有结果", "No results", f"{_OGC}/result-not-ready"),
    UnknownResource: Problem(404, "not-found", "没有这个资源", "No such resource"),
    Throttled: Problem(429, "throttled", "尝试过多", "Too many attempts"),
    Busy: Problem(503, "busy", "服务繁忙", "Busy"),
    Conflict: Problem(409, "conflict", "与现状冲突", "Conflict"),
    TooLarge: Problem(413, "too-large", "内容过大", "Too large"),
    NotSignedIn: Problem(401, "not-signed-in", "请先登录", "Sign in first"),
    Forbidden: Problem(403, "forbidden", "无权进行此操作", "Not allowed"),
    InvalidInput: Problem(422, "invalid-input", "输入有误", "Invalid input"),
    MissingData: Problem(404, "missing-data", "没有所需数据", "Data not there"),
    NotConverged: Problem(500, "not-converged", "计算未收敛", "The method did not converge"),
    SourceUnavailable: Problem(503, "source-unavailable", "文件或服务不可用", "A file or service is not available"),
}
_FAULT = Problem(500, "fault", "程序内部错误", "Internal error")
_PHRASES_ZH = {400: "请求有误", 404: "没有这个资源", 405: "不支持此方法"}


def problem_for(error: SuyuanError) -> Problem:
    """Return the problem of an error: that of its own class, or of the nearest class above it."""
    for family in type(error).__mro__:
        if family in PROBLEMS:
            return PROBLEMS[family]
    return _FAULT


def problem_response(
    problem: Problem, detail: str, request: Request, *, headers: dict[str, str] | None = None, **more: Any
) -> JSONResponse:
    """Return a problem as a response; `more` are further members of the document."""
    language = preferred(request.headers.get("accept-language"))
    body = {
        "type": problem.uri or f"urn:suyuan:problem:{problem.kind}",
        "title": problem.title(language),
        "status": problem.status,
        "detail": detail,
        "instance": request.url.path,
        **more,
    }
    response = JSONResponse(body, status_code=problem.status, media_type=PROBLEM_JSON, headers=headers)
    response.headers["Vary"] = "Accept-Language"
    if language is not None:
        response.headers["Content-Language"] = language
    return response


def error_response(error: SuyuanError, request: Request) -> JSONResponse:
    """Return the answer to a known error, in the language that was asked for as far as it has a text in it."""
    problem = problem_for(error)
    if problem.status == 500 or (problem.status == 503 and not isinstance(error, Busy)):
        _log.error("%s: %s", request.url.path, error)
    language = preferred(request.headers.get("accept-language"))
    detail = _without_place(told(str(error), language, getattr(error, "zh", "")), request)
    headers: dict[str, str] = {}
    if isinstance(error, Busy):
        headers["Retry-After"] = str(error.retry_seconds)
    elif problem.status == 503:
        headers["Retry-After"] = str(_LATER_SECONDS)
    if problem.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, InvalidFields):
        return _fields(error, language, request)
    return problem_response(problem, detail, request, headers=headers, **_named_field(error, detail))


def _named_field(error: SuyuanError, detail: str) -> dict[str, Any]:
    """Return the member `errors` where the text begins with a parameter and its value, as ours do."""
    found = _NAMED.fullmatch(detail) if isinstance(error, InvalidInput) else None
    if found is None:
        return {}
    name = (found["parameter"] or found["option"]).replace("-", "_" if found["option"] else "-")
    return {"errors": [{"field": name, "value": found["value"][:200], "allowed": found["allowed"]}]}


def _without_place(text: str, request: Request) -> str:
    """Return a text without the place of the workspace on this machine: that is not a client's business."""
    services = getattr(request.app.state, "services", None)
    workspace = getattr(getattr(services, "settings", None), "workspace", None)
    return text.replace(str(workspace), workspace.name) if isinstance(workspace, Path) else text


def add_error_handlers(app: FastAPI) -> None:
    """Let every error leave the app as problem details, and none as a traceback."""
    app.add_exception_handler(SuyuanError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _fault)


async def _known(request: Request, error: Exception) -> JSONResponse:
    return error_response(error, request) if isinstance(error, SuyuanError) else await _fault(request, error)


def _fields(error: InvalidFields, language: Language | None, request: Request) -> JSONResponse:
    errors = [
        {"field": fault.field, "value": fault.value, "allowed": fault.text(language or "en")} for fault in error.faults
    ]
    detail = _joined(errors)
    return problem_response(PROBLEMS[InvalidInput], detail, request, errors=errors)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    language = preferred(request.headers.get("accept-language"))
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    errors = [
        {
            "field": _place(fault),
            "value": _text(fault),
            "allowed": allowed_zh(fault["type"], fault.get("ctx", {}), fault["msg"])
            if language == "zh"
            else str(fault["msg"]),
        }
        for fault in faults
    ]
    detail = _joined(errors)
    return problem_response(PROBLEMS[InvalidInput], detail, request, errors=errors)


def _joined(errors: list[dict[str, str]]) -> str:
    """Return in one line what is wrong with each field."""
    return "; ".join(
        f"{item['field']}{'=' if item['value'] else ''}{item['value']}: {item['allowed']}" for item in errors
    )


def _place(fault: dict[str, Any]) -> str:
    inside = fault["loc"][1:] if fault["type"] != "json_invalid" else ()
    return ".".join(str(part) for part in inside) or "body"


def _text(fault: dict[str, Any]) -> str:
    given = fault.get("input")
    return "" if fault["type"] in ("json_invalid", "missing") else _shown(given)


def _shown(value: object) -> str:
    return (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))[:200]


async def _http(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        return await _fault(request, error)
    phrase = HTTPStatus(error.status_code).phrase
    kind = phrase.lower().replace(" ", "-")
    problem = Problem(error.status_code, kind, _PHRASES_ZH.get(error.status_code, phrase), phrase)
    headers = dict(error.headers) if error.headers else None
    return problem_response(problem, f"{request.method} {request.url.path}: {error.detail}", request, headers=headers)


async def _fault(request: Request, error: Exception) -> JSONResponse:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    chinese = preferred(request.headers.get("accept-language")) == "zh"
    detail = "服务器未能回答，原因见其日志" if chinese else "the server could not answer; its log says why"
    return problem_response(_FAULT, detail, request)
