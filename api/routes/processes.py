"""Processes: OGC API - Processes, Part 1, derived from the declarations."""

import time
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

import api
from api.errors import Forbidden, NoSuchProcess
from api.jobs.model import Job
from api.processes import all_processes
from api.processes.base import Process
from api.processes.describe import InvalidFields, input_fields, read_values
from api.routes.access import PrincipalDep
from api.routes.job_documents import job_path, results_response, status_document
from api.routes.job_watch import next_write
from api.routes.links import Link, link, same_query, wants_html
from api.routes.process_form import form_page, form_values
from api.routes.query import check_parameters
from api.routes.services import Services, ServicesDep
from geo.errors import InvalidInput
from layers.catalogue import get_schema

router = APIRouter(tags=["processes"])


class Execution(BaseModel):
    """The body of an execution request; members that the standard knows and Suyuan has no use for are let pass."""

    model_config = ConfigDict(extra="allow")

    inputs: dict[str, Any] = Field({}, description="values of the inputs, as the process describes them")
    outputs: dict[str, Any] | None = Field(None, description="the outputs wanted; all by default")
    response: Literal["document", "raw"] | None = Field(None, description="raw gives the one output wanted as it is")


def get_process(process_id: str) -> Process[Any]:
    """Return the process that the path names.

    Raises
    ------
    NoSuchProcess
        There is none with this id.
    """
    processes = {process.id: process for process in all_processes()}
    if process_id not in processes:
        there = ", ".join(processes)
        raise NoSuchProcess(
            f"no process {process_id!r}; the processes are {there}", f"没有分析 {process_id!r}；现有 {there}"
        )
    return processes[process_id]


async def give_process(process_id: str) -> Process[Any]:
    """Return the process that the path names."""
    return get_process(process_id)


ProcessDep = Annotated[Process[Any], Depends(give_process)]


@router.get("/processes", summary="All processes", response_class=Response)
def list_processes(
    request: Request,
    services: ServicesDep,
    principal: PrincipalDep,
    limit: Annotated[int | None, Query(ge=1, description="most processes in one answer")] = None,
    offset: Annotated[int, Query(ge=0, le=10_000, description="processes to skip; as `next` gives it")] = 0,
    f: str = "",
) -> Response:
    """Return every analysis with its titles."""
    check_parameters(request, ("f", "limit", "offset"))
    if wants_html(request, f):
        template = services.templates.get_template("processes.html")
        return HTMLResponse(template.render(processes=all_processes(), principal=principal))
    end = None if limit is None else offset + limit
    links = [
        link(request, f"/processes{same_query(request)}", "self", title="Processes"),
        link(request, "/processes?f=html", "alternate", media="text/html", title="Processes"),
    ]
    if end is not None and end < len(all_processes()):
        links.append(link(request, f"/processes{same_query(request, offset=end)}", "next", title="More processes"))
    body = {"processes": [summary(request, process) for process in all_processes()[offset:end]], "links": links}
    return JSONResponse(body, headers={"Vary": "Accept"})


@router.get("/processes/{process_id}", summary="One process", response_class=Response)
def show_process(
    request: Request, services: ServicesDep, process: ProcessDep, principal: PrincipalDep, f: str = ""
) -> Response:
    """Return the inputs and outputs of an analysis in JSON, or the form to run it."""
    if wants_html(request, f):
        check_parameters(request, ("f", *(field.name for field in input_fields(process))))
        given = [(name, value) for name, value in request.query_params.multi_items() if name != "f"]
        return HTMLResponse(form_page(services, process, given, principal))
    check_parameters(request, ("f",))
    return JSONResponse(description(request, process), headers={"Vary": "Accept"})


@router.post(
    "/processes/{process_id}/execution",
    summary="Run a process",
    response_class=Response,
    responses={201: {"description": "任务已创建 · A job was made"}},
)
async def execute_process(
    request: Request,
    services: ServicesDep,
    process: ProcessDep,
    principal: PrincipalDep,
    body: Execution,
    prefer: Annotated[str, Header(description="respond-async, or wait=SECONDS")] = "",
) -> Response:
    """Run an analysis: wait for its result, or with `Prefer: respond-async` answer at once with the job."""
    check_parameters(request, ())
    outputs = _outputs(process, body)
    values = {name: _plain(value) for name, value in body.inputs.items()}
    job = await run_in_threadpool(submit, services, process, values, principal.name, str(principal.role))
    preferences = [part.strip().lower() for part in prefer.split(",")]
    if "respond-async" not in preferences:
        job = await _wait(services, job, _seconds(preferences, services.settings.sync_seconds))
        if job.state.final:
            raw = body.response == "raw" or (body.outputs is not None and len(outputs) == 1)
            answer = await run_in_threadpool(results_response, request, services, job, outputs, raw=raw)
            answer.headers["Link"] = f'<{job_path(job.id)}>; rel="monitor"'
            return answer
    headers = {"Location": str(link(request, job_path(job.id), "monitor")["href"])}
    headers["Preference-Applied"] = "respond-async"
    return JSONResponse(status_document(request, job), status_code=201, headers=headers)


@router.post("/processes/{process_id}/form", include_in_schema=False)
async def execute_form(
    request: Request, services: ServicesDep, process: ProcessDep, principal: PrincipalDep
) -> Response:
    """Run an analysis from its form and lead to the job's page."""
    try:
        text = (await request.body()).decode("utf-8")
        given = parse_qsl(text, keep_blank_values=True, max_num_fields=1000)
    except ValueError:
        raise InvalidInput("the form is not URL-encoded UTF-8 text; send it from the page of the process") from None
    given = [(name, value) for name, value in given if name != "csrf"]
    try:
        values = form_values(process, given)
        job = await run_in_threadpool(submit, services, process, values, principal.name, str(principal.role))
    except InvalidFields as error:
        return HTMLResponse(form_page(services, process, given, principal, error.faults), status_code=422)
    return RedirectResponse(f"{job_path(job.id)}?f=html", status_code=303)


def submit(services: Services, process: Process[Any], values: dict[str, Any], owner: str, role: str) -> Job:
    """Check the inputs and write the job down.

    Raises
    ------
    InvalidFields
        An input is not allowed; nothing was written.
    Forbidden
        The settings let nobody of this role run jobs.
    Busy
        Too many jobs wait.
    """
    if services.settings.running_by_role.get(role) == 0:
        raise Forbidden(
            f"users of the role {role} run no jobs on this server (SUYUAN_RUNNING_{role.upper()}=0)",
            f"本服务器不为角色 {role} 运行任务",
        )
    inputs = read_values(process, values)
    kept = inputs.model_dump(mode="json", exclude_unset=True)
    job = services.jobs.submit(process.id, kept, owner=owner, role=role, most_waiting=services.settings.waiting_jobs)
    services.runner.wake.set()
    return job


def summary(request: Request, process: Process[Any]) -> dict[str, Any]:
    """Return what the list of processes says of one."""
    path = f"/processes/{process.id}"
    links: list[Link] = [
        link(request, path, "self", title=process.title_en),
        link(request, f"{path}?f=html", "alternate", media="text/html", title=f"Form: {process.title_en}"),
        link(request, f"{path}/execution", "http://www.opengis.net/def/rel/ogc/1.0/execute", title="Run this process"),
    ]
    return {
        "id": process.id,
        "title": f"{process.title_zh} · {process.title_en}",
        "description": f"{process.description_zh} {process.description_en}",
        "version": api.version(),
        "jobControlOptions": ["sync-execute", "async-execute", "dismiss"],
        "outputTransmission": ["value", "reference"],
        "links": links,
    }


def description(request: Request, process: Process[Any]) -> dict[str, Any]:
    """Return the whole description of a process as OGC asks for it."""
    inputs = {
        field.name: {
            "title": field.name,
            "description": f"{field.description_zh} · {field.description_en}",
            "schema": dict(field.schema),
            "minOccurs": 1 if field.required else 0,
        }
        for field in input_fields(process)
    }
    outputs = {
        name: {
            "title": f"{get_schema(name).title_zh} · {get_schema(name).title_en}",
            "schema": {"type": "object", "contentMediaType": "application/geo+json"},
        }
        for name in process.result_layers
    }
    return summary(request, process) | {"inputs": inputs, "outputs": outputs}


def _outputs(process: Process[Any], body: Execution) -> tuple[str, ...]:
    if body.outputs is None:
        return process.result_layers
    unknown = sorted(set(body.outputs) - set(process.result_layers))
    if unknown:
        raise InvalidInput(
            f"outputs={', '.join(unknown)}: process {process.id} has no such output; it has "
            f"{', '.join(process.result_layers)}"
        )
    return tuple(body.outputs) or process.result_layers


def _plain(value: Any) -> Any:
    """Return the value of an input that came qualified, as ``{"value": ..., "mediaType": ...}``."""
    qualified = (
        isinstance(value, dict) and "value" in value and set(value) <= {"value", "mediaType", "format", "schema"}
    )
    return value["value"] if qualified else value


def _seconds(preferences: list[str], most: float) -> float:
    for preference in preferences:
        if preference.startswith("wait="):
            try:
                return min(max(float(preference[5:]), 0.0), most)
            except ValueError:
                break
    return most


async def _wait(services: Services, job: Job, seconds: float) -> Job:
    end, mark = time.monotonic() + seconds, None
    while not job.state.final and (left := end - time.monotonic()) > 0.0:
        mark = await next_write(services.jobs, mark, left)
        job = await run_in_threadpool(services.jobs.get, job.id)
    return job
