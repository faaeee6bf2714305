"""One table turns the errors of Suyuan into HTTP answers: problem details as of RFC 9457."""

import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from geo.errors import InvalidInput, MissingData, NotConverged, SourceUnavailable, SuyuanError
from layers.store import UnknownLayer

_log = logging.getLogger(__name__)

PROBLEM_JSON = "application/problem+json"


@dataclass(frozen=True)
class Problem:
    """A kind of problem: its status, the last part of its type's URN, and its title."""

    status: int
    kind: str
    title: str


PROBLEMS: dict[type[SuyuanError], Problem] = {
    UnknownLayer: Problem(404, "not-found", "没有这个资源 · No such resource"),
    InvalidInput: Problem(422, "invalid-input", "输入有误 · Invalid input"),
    MissingData: Problem(404, "missing-data", "没有所需数据 · Data not there"),
    NotConverged: Problem(500, "not-converged", "计算未收敛 · The method did not converge"),
    SourceUnavailable: Problem(503, "source-unavailable", "文件或服务不可用 · A file or service is not available"),
}
_FAULT = Problem(500, "fault", "程序内部错误 · Internal error")


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
    body = {
        "type": f"urn:suyuan:problem:{problem.kind}",
        "title": problem.title,
        "status": problem.status,
        "detail": detail,
        "instance": request.url.path,
        **more,
    }
    return JSONResponse(body, status_code=problem.status, media_type=PROBLEM_JSON, headers=headers)


def add_error_handlers(app: FastAPI) -> None:
    """Let every error leave the app as problem details, and none as a traceback."""
    app.add_exception_handler(SuyuanError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _fault)


async def _known(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, SuyuanError):
        return await _fault(request, error)
    problem = problem_for(error)
    if problem.status >= 500:
        _log.error("%s: %s", request.url.path, error)
    return problem_response(problem, " ".join(str(error).split()), request)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    errors = [
        {
            "field": ".".join(str(part) for part in fault["loc"][1:]),
            "value": str(fault.get("input")),
            "allowed": str(fault["msg"]),
        }
        for fault in faults
    ]
    detail = "; ".join(f"{item['field']}={item['value']}: {item['allowed']}" for item in errors)
    return problem_response(PROBLEMS[InvalidInput], detail, request, errors=errors)


async def _http(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        return await _fault(request, error)
    phrase = HTTPStatus(error.status_code).phrase
    problem = Problem(error.status_code, phrase.lower().replace(" ", "-"), phrase)
    headers = dict(error.headers) if error.headers else None
    return problem_response(problem, f"{request.method} {request.url.path}: {error.detail}", request, headers=headers)


async def _fault(request: Request, error: Exception) -> JSONResponse:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    detail = "the server could not answer; its log says why"
    return problem_response(_FAULT, detail, request)
