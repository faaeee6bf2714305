"""Uploads: a file into a layer, the observations or the folder of inputs, by the rules of the command line."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile

from api.accounts.roles import Permission, Principal
from api.additions import (
    LayerAddition,
    ObservationAddition,
    add_to_layer,
    layer_document,
    observation_document,
    read_observation_file,
    store_observations,
)
from api.http_errors import PROBLEMS, error_response, problem_response
from api.language import preferred
from api.processes.base import Inputs, Zh
from api.processes.context import FILES
from api.processes.describe import Fault, InvalidFields, faults_of, fields_of
from api.routes.access import PrincipalDep
from api.routes.links import wants_html
from api.routes.query import check_parameters
from api.routes.services import Services, ServicesDep
from api.routes.upload_files import keep, limits_of, taken
from api.settings import Settings
from api.translation import told
from geo.errors import InvalidInput, SuyuanError
from layers.catalogue import SCHEMAS, get_schema
from layers.report import OUTCOMES
from layers.untrusted import UPLOADABLE, plain_name

router = APIRouter(tags=["uploads"])
_log = logging.getLogger(__name__)
OBSERVATIONS = "observations"
_FIELD_BYTES, _FIELDS = 64 * 1024, 100
_ERRORS_TOLD = 20
M = TypeVar("M", bound=Inputs)

_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["target", "file"],
                    "properties": {
                        "target": {"type": "string", "description": f"a layer, {OBSERVATIONS} or {FILES}"},
                        "file": {"type": "string", "format": "binary"},
                        **{
                            name: {"type": "string", "description": field.description or name}
                            for model in (ObservationAddition, LayerAddition)
                            for name, field in model.model_fields.items()
                        },
                    },
                }
            }
        },
    }
}


@dataclass(frozen=True)
class Upload:
    """What a request brings: where it goes, the file, its name, and what is said about it."""

    target: str
    stream: BinaryIO
    name: str
    said: Mapping[str, Any]


@router.get("/uploads", summary="What may be uploaded, and the page to do it", response_class=Response)
def show_uploads(request: Request, services: ServicesDep, principal: PrincipalDep, f: str = "") -> Response:
    """Return where files may go, their formats and limits in JSON, or the page with the forms."""
    check_parameters(request, ("f",))
    settings = services.settings
    if wants_html(request, f):
        page = services.templates.get_template("uploads.html").render(
            principal=principal,
            may_write=principal.may(Permission.WRITE),
            schemas=_targets(),
            layer_fields=fields_of(LayerAddition, "layers-add"),
            observation_fields=fields_of(ObservationAddition, "observations-add"),
            extensions=UPLOADABLE,
            most_mib=settings.most_upload_bytes // 2**20,
        )
        return HTMLResponse(page)
    body = {
        "targets": [*(schema.id for schema in _targets()), OBSERVATIONS, FILES],
        "extensions": list(UPLOADABLE),
        "limits": _limits(settings),
        "fields": {"layers": _described(LayerAddition), OBSERVATIONS: _described(ObservationAddition)},
    }
    return JSONResponse(body, headers={"Vary": "Accept"})


@router.post(
    "/uploads",
    summary="Upload a file",
    response_class=Response,
    openapi_extra=_BODY,
    responses={201: {"description": "已入库 · Stored"}},
)
async def take_upload(request: Request, services: ServicesDep, principal: PrincipalDep) -> Response:
    """Check a file and store it: all of it, or with `accept_good` its good rows; the answer is the report."""
    html = wants_html(request, "")
    try:
        check_parameters(request, ())
        _require_multipart(request)
        async with request.form(max_files=1, max_fields=_FIELDS, max_part_size=_FIELD_BYTES) as form:
            upload = _read_form(form)
            report = await run_in_threadpool(_store, services, upload, principal)
    except SuyuanError as error:
        if not html:
            raise
        return _page(services, principal, error=error, answer=error_response(error, request))
    refused = _refused(request, report) if not report["stored"] else None
    if html:
        return _page(services, principal, report=report, answer=refused or JSONResponse({}, status_code=201))
    return refused or JSONResponse(report, status_code=201)


def _targets() -> list[Any]:
    return [schema for schema in SCHEMAS.values() if schema.kind != "raster"]


def _limits(settings: Settings) -> dict[str, int]:
    names = ("most_upload_bytes", "most_unpacked_bytes", "most_archive_ratio", "most_archive_files", "most_files_bytes")
    return {name: getattr(settings, name) for name in names}


def _described(model: type[Inputs]) -> dict[str, dict[str, str]]:
    return {
        name: {
            "zh": next((mark.text for mark in field.metadata if isinstance(mark, Zh)), ""),
            "en": field.description or "",
        }
        for name, field in model.model_fields.items()
    }


def _require_multipart(request: Request) -> None:
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "multipart/form-data":
        raise InvalidInput("a file is sent as multipart/form-data, for example with curl -F file=@boilers.xlsx")


def _read_form(form: FormData) -> Upload:
    said: dict[str, Any] = {}
    file: UploadFile | None = None
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            if name != "file":
                raise InvalidFields.of([Fault(name[:80], value.filename or "", "文件字段名应为 file", "call it file")])
            file = value
        elif value.strip() and name != "csrf":
            said.setdefault(name, []).append(value.strip())
    target = said.pop("target", [""])[-1]
    missing = [name for name, there in (("target", target), ("file", file and file.filename)) if not there]
    if file is None or missing:
        raise InvalidFields.of([Fault(name, "", "必须填写", "is missing") for name in missing])
    return Upload(target, file.file, file.filename or "", said)


def _store(services: Services, upload: Upload, principal: Principal) -> dict[str, Any]:
    """Store what was uploaded and return its report.

    A file of a stranger may break a reader in ways that nobody has seen; that is the file's fault then, not ours, and
    the server's log has the particulars.
    """
    try:
        with services.uploads.one(), taken(upload.stream, upload.name, limits_of(services.settings)) as path:
            return {"target": upload.target, "file": path.name} | _added(services, upload, path, principal)
    except (SuyuanError, MemoryError):
        raise
    except Exception as error:
        _log.exception("an upload to %s could not be read", upload.target)
        name = plain_name(upload.name)
        raise InvalidInput(f"{name} cannot be read; export it again or send another format") from error


def _added(services: Services, upload: Upload, path: Path, principal: Principal) -> dict[str, Any]:
    if upload.target == OBSERVATIONS:
        addition = _checked(ObservationAddition, upload.said)
        report = read_observation_file(path, addition, services.settings.timezone)
        return observation_document(report, {} if report.refused else store_observations(services.workspace, report))
    if upload.target == FILES:
        kept = _checked(_Kept, upload.said)
        settings = services.settings
        keep(path, settings.workspace / FILES, settings.most_files_bytes, replace=kept.replace)
        return {"stored": True}
    if get_schema(upload.target).kind == "raster":
        raise InvalidInput(f"{upload.target} takes satellite scenes, which `suyuan layers add` reads")
    options = _checked(LayerAddition, upload.said)
    return layer_document(add_to_layer(services.workspace, upload.target, path, options, who=principal.name))


class _Kept(Inputs):
    replace: bool = False


def _checked(model: type[M], said: Mapping[str, list[str]]) -> M:
    try:
        return model.model_validate(_plain(model, said))
    except ValidationError as error:
        raise InvalidFields.of(faults_of(error)) from error


def _plain(model: type[Inputs], said: Mapping[str, list[str]]) -> dict[str, Any]:
    """Return fields of several values as lists, split at lines and blanks, the others by their last value."""
    several = {name for name, field in model.model_fields.items() if field.default == ()}
    return {name: " ".join(texts).split() if name in several else texts[-1] for name, texts in said.items()}


def _refused(request: Request, report: dict[str, Any]) -> JSONResponse:
    """Return the answer to a file with rows that are refused: the first of them as errors, the report with all."""
    chinese = preferred(request.headers.get("accept-language")) == "zh"
    rows = [row for row in report["rows"] if row["outcome"] in ("rejected", "duplicate")]
    errors = [
        {
            "field": f"{row['row']}.{row['column']}",
            "value": str(row["value"])[:200],
            "allowed": row["reason_zh" if chinese else "reason_en"],
        }
        for row in rows[:_ERRORS_TOLD]
    ]
    number = report["counts"].get("rejected_rows", report["counts"].get("rejected", 0))
    detail = (
        f"{report['file']}：{number} 行（项）不合格，全部未入库：请更正，或以 accept_good=true 接受其余"
        if chinese
        else f"{report['file']}: {number} rejected, nothing added: correct them, or send accept_good=true"
    )
    return problem_response(PROBLEMS[InvalidInput], detail, request, errors=errors, report=report)


def _page(
    services: Services,
    principal: Principal,
    *,
    answer: JSONResponse,
    report: dict[str, Any] | None = None,
    error: SuyuanError | None = None,
) -> HTMLResponse:
    """Return a report, or why there is none, as a page; everything from the file is text there."""
    page = services.templates.get_template("upload_report.html").render(
        principal=principal,
        report=report,
        notes=[(told(note, "zh"), told(note, "en")) for note in (report or {}).get("notes", [])],
        outcomes=OUTCOMES,
        fault=None if error is None else _told(error),
    )
    headers = {name: value for name, value in answer.headers.items() if name == "retry-after"}
    return HTMLResponse(page, status_code=answer.status_code, headers=headers)


def _told(error: SuyuanError) -> tuple[str, str]:
    return told(str(error), "zh", getattr(error, "zh", "")), told(str(error), "en")
