"""Jobs over HTTP: list, status, results, events, log, dismissal."""

import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from pydantic import BaseModel, Field

from api.accounts.roles import Permission, Principal
from api.errors import Busy, Forbidden, UnknownResource
from api.jobs.model import Job, State
from api.jobs.results import ResultFiles
from api.jobs.wanted import Wanted
from api.routes.access import PrincipalDep
from api.routes.job_documents import (
    DOWNLOADS,
    STATE_NAMES,
    found_layers,
    found_response,
    job_path,
    layer_response,
    message,
    results_response,
    status_document,
)
from api.routes.job_watch import next_write
from api.routes.links import link, same_query, wants_html
from api.routes.processes import get_process, submit
from api.routes.query import TimeFilter, check_format, check_parameters, parse_datetime
from api.routes.services import Services, ServicesDep, get_services
from geo.errors import InvalidInput

router = APIRouter(tags=["jobs"])
STATUSES = tuple(dict.fromkeys(state.public for state in State))
DEFAULT_LIMIT, MOST_JOBS = 20, 1000
MOST_STREAMS = 64
_KEEP_ALIVE_SECONDS = 15.0
_FRESH = {"Cache-Control": "no-cache"}


def get_job(job_id: str, request: Request) -> Job:
    """Return the job that the path names."""
    return get_services(request).jobs.get(job_id)


JobDep = Annotated[Job, Depends(get_job)]


class JobsParameters(BaseModel):
    """Which jobs are asked for."""

    limit: int = Field(DEFAULT_LIMIT, ge=1, description="most jobs in one answer")
    before: int | None = Field(None, ge=1, description="jobs older than this; as `next` gives it")
    status: list[str] = Field([], description=", ".join(STATUSES))
    process: list[str] = Field([], alias="processID", description="ids of processes")
    datetime: str = Field("", description="when they were submitted: RFC 3339 time or interval, T1/T2, ../T2, T1/..")
    min_duration: float | None = Field(None, alias="minDuration", ge=0, description="jobs that ran as long, seconds")
    max_duration: float | None = Field(None, alias="maxDuration", ge=0, description="jobs that ran no longer, seconds")
    type: str = Field("process", description="process")
    f: str = Field("", description="json or html")


JOBS_PARAMETERS = tuple(field.alias or name for name, field in JobsParameters.model_fields.items())


def _wanted(asked: JobsParameters) -> Wanted:
    statuses = _split(asked.status)
    unknown = sorted(set(statuses) - set(STATUSES))
    if unknown:
        raise InvalidInput(f"status={','.join(unknown)}: the statuses are {', '.join(STATUSES)}")
    if asked.type != "process":
        raise InvalidInput(f"type={asked.type}: all jobs here are of the type process")
    time = parse_datetime(asked.datetime) or TimeFilter(None, None)
    return Wanted(
        states=statuses,
        processes=_split(asked.process),
        created=(time.start, time.end),
        seconds=(asked.min_duration, asked.max_duration),
    )


@router.get("/jobs", summary="All jobs", response_class=Response)
def list_jobs(
    request: Request, services: ServicesDep, principal: PrincipalDep, asked: Annotated[JobsParameters, Query()]
) -> Response:
    """Return jobs, the newest first."""
    check_parameters(request, JOBS_PARAMETERS)
    limit = min(asked.limit, MOST_JOBS)
    found, matched = services.jobs.page(_wanted(asked), before=asked.before, limit=limit + 1)
    more, found = len(found) > limit, found[:limit]
    if wants_html(request, asked.f):
        following = same_query(request, before=found[-1].sequence) if more else ""
        page = services.templates.get_template("jobs.html")
        shown = {
            "jobs": found,
            "matched": matched,
            "statuses": _split(asked.status),
            "names": STATE_NAMES,
            "services": services,
        }
        return HTMLResponse(page.render(shown, message=message, following=following, principal=principal))
    links = [link(request, f"/jobs{same_query(request)}", "self", title="Jobs")]
    if more:
        links.append(
            link(request, f"/jobs{same_query(request, before=found[-1].sequence)}", "next", title="Older jobs")
        )
    body = {"jobs": [status_document(request, job) for job in found], "links": links, "numberMatched": matched}
    return JSONResponse(body, headers={**_FRESH, "Vary": "Accept"})


@router.get("/jobs/{job_id}", summary="Status of a job", response_class=Response)
def show_job(request: Request, services: ServicesDep, principal: PrincipalDep, job: JobDep, f: str = "") -> Response:
    """Return a job's status, progress and remaining time, or its page."""
    check_parameters(request, ("f",))
    if not wants_html(request, f):
        return JSONResponse(status_document(request, job), headers={**_FRESH, "Vary": "Accept"})
    page = services.templates.get_template("job.html")
    text = page.render(
        job=job,
        process=get_process(job.process),
        message=message(job),
        status=status_document(request, job),
        lines=services.jobs.lines(job.id, limit=500),
        layers=job.findings.layers if job.findings else (),
        formats=tuple(DOWNLOADS),
        names=STATE_NAMES,
        services=services,
        inputs=json.dumps(job.inputs, ensure_ascii=False, indent=1),
        may_dismiss=_may_dismiss(principal, job) and not job.state.final,
        may_run=principal.may(Permission.RUN),
        principal=principal,
    )
    return HTMLResponse(text, headers={**_FRESH, "Vary": "Accept"})


@router.delete("/jobs/{job_id}", summary="Dismiss a job")
def dismiss_job(request: Request, services: ServicesDep, principal: PrincipalDep, job: JobDep) -> JSONResponse:
    """Stop a job, or forget a finished one's result; the layers that it made stay."""
    check_parameters(request, ())
    return JSONResponse(status_document(request, _dismiss(services, principal, job)))


@router.post("/jobs/{job_id}/dismiss", include_in_schema=False)
def dismiss_form(services: ServicesDep, principal: PrincipalDep, job: JobDep) -> Response:
    """Stop a job from its page."""
    _dismiss(services, principal, job)
    return RedirectResponse(f"{job_path(job.id)}?f=html", status_code=303)


@router.post("/jobs/{job_id}/rerun", summary="Run a job again", response_class=Response, status_code=201)
def rerun_job(request: Request, services: ServicesDep, principal: PrincipalDep, job: JobDep, f: str = "") -> Response:
    """Run a process again with the inputs of a job."""
    check_parameters(request, ("f",))
    again = submit(services, get_process(job.process), job.inputs, principal.name, str(principal.role))
    if wants_html(request, f):
        return RedirectResponse(f"{job_path(again.id)}?f=html", status_code=303)
    headers = {"Location": str(link(request, job_path(again.id), "monitor")["href"])}
    return JSONResponse(status_document(request, again), status_code=201, headers=headers)


@router.get("/jobs/{job_id}/results", summary="Results of a job", response_class=Response)
def show_results(request: Request, services: ServicesDep, job: JobDep, f: str = "json") -> Response:
    """Return the layers of a finished job; a failed one answers with the problem that it met."""
    check_parameters(request, ("f",))
    check_format(f, ("json",))
    return results_response(request, services, job)


@router.get("/jobs/{job_id}/results/{output}", summary="One layer of a result", response_class=Response)
def show_result(request: Request, services: ServicesDep, job: JobDep, output: str, f: str = "geojson") -> Response:
    """Return one layer of a result as a file."""
    check_parameters(request, ("f",))
    check_format(f, tuple(DOWNLOADS))
    layers = {layer.name: layer for layer in found_layers(job)}
    if output not in layers:
        raise UnknownResource(f"job {job.id} has no output {output!r}; it has {', '.join(layers)}")
    return layer_response(services, job, layers[output], f)


@router.get("/jobs/{job_id}/found", summary="What a job has found", response_class=Response)
def show_found(request: Request, services: ServicesDep, job: JobDep) -> Response:
    """Return the results and what must be said of them from the moment they are recorded: nothing changes them any
    more, though the job is still writing them among the layers and its status says running."""
    check_parameters(request, ())
    return found_response(request, services, job)


@router.get("/jobs/{job_id}/provenance", summary="Where a result comes from")
def show_provenance(request: Request, job: JobDep) -> JSONResponse:
    """Return what a result was made from (inputs and hashes, parameters, seed, versions) and its layers' hashes."""
    check_parameters(request, ())
    layers = found_layers(job)
    record = job.findings.provenance if job.findings else {}
    outputs = [{"id": layer.name, "sha256": layer.sha256, "count": layer.count} for layer in layers]
    return JSONResponse({**record, "job": job.id, "outputs": outputs})


@router.get("/jobs/{job_id}/log", summary="Log of a job")
def show_log(request: Request, services: ServicesDep, job: JobDep) -> JSONResponse:
    """Return what a job noted, the first line first."""
    check_parameters(request, ())
    return JSONResponse({"jobID": job.id, "lines": services.jobs.lines(job.id)}, headers=_FRESH)


@router.get("/jobs/{job_id}/events", summary="Events of a job", response_class=StreamingResponse)
async def stream_events(request: Request, services: ServicesDep, job: JobDep) -> StreamingResponse:
    """Send the job's status as a server-sent event at each change, until it has ended."""
    check_parameters(request, ())
    if services.streams.count >= MOST_STREAMS:
        raise Busy(f"{MOST_STREAMS} pages watch jobs already; ask for /jobs/{job.id} instead")
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(request, services, job), media_type="text/event-stream", headers=headers)


async def _events(request: Request, services: Services, job: Job) -> AsyncIterator[str]:
    services.streams.count += 1
    try:
        told: Any = None
        mark, spoke = None, time.monotonic()
        while not await request.is_disconnected():
            now = (job.state, job.progress, job.step, job.attempt)
            if now != told:
                told, spoke = now, time.monotonic()
                yield f"event: status\ndata: {json.dumps(status_document(request, job), ensure_ascii=False)}\n\n"
            if job.state.final or services.runner.stopping:
                return
            if time.monotonic() - spoke > _KEEP_ALIVE_SECONDS:
                spoke = time.monotonic()
                yield ": still here\n\n"
            mark = await next_write(services.jobs, mark)
            job = await run_in_threadpool(services.jobs.get, job.id)
    finally:
        services.streams.count -= 1


def _dismiss(services: Services, principal: Principal, job: Job) -> Job:
    if not _may_dismiss(principal, job):
        raise Forbidden(
            f"job {job.id} belongs to {job.owner}; only they or an admin may dismiss it",
            f"任务 {job.id} 属于 {job.owner}；只有本人或管理员可以取消",
        )
    gone = services.jobs.dismiss(job.id)
    services.runner.wake.set()
    ResultFiles(services.jobs.folder).sweep(services.jobs.files_in_use())
    return gone


def _may_dismiss(principal: Principal, job: Job) -> bool:
    return principal.may(Permission.ADMIN) or (principal.may(Permission.RUN) and principal.name == job.owner)


def _split(values: list[str]) -> list[str]:
    return [part for value in values for part in value.split(",") if part]
