"""Jobs and their results as OGC API - Processes describes them."""

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from api.errors import ResultNotReady
from api.jobs.model import Job, State, StoredLayer, utc_now
from api.jobs.results import ResultFiles
from api.language import Language, preferred
from api.routes.geojson import MEDIA_TYPE, collection_text, feature_texts
from api.routes.links import Link, collection_path, link
from api.routes.services import Services
from api.translation import told
from geo.errors import InvalidInput, MissingData, NotConverged, SourceUnavailable, SuyuanError
from layers.writers import write_vector

INLINE_FEATURES = 10_000
DOWNLOADS = {
    "geojson": (".geojson", MEDIA_TYPE),
    "csv": (".csv", "text/csv; charset=utf-8"),
    "xlsx": (".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "kml": (".kml", "application/vnd.google-earth.kml+xml"),
    "gpkg": (".gpkg", "application/geopackage+sqlite3"),
    "fgb": (".fgb", "application/flatgeobuf"),
    "parquet": (".parquet", "application/vnd.apache.parquet"),
}
_FAILURES: dict[str, type[SuyuanError]] = {
    kind.__name__: kind for kind in (InvalidInput, MissingData, NotConverged, SourceUnavailable)
}
_MESSAGES = {
    State.ACCEPTED: "等待运行 waiting",
    State.RUNNING: "运行中 running",
    State.STORING: "正在写入结果 writing the result",
    State.SUCCESSFUL: "已完成 done",
    State.DISMISSED: "已取消 dismissed",
}

STATE_NAMES = {
    "accepted": "排队",
    "running": "运行中",
    "successful": "成功",
    "failed": "失败",
    "dismissed": "已取消",
}


def job_path(job_id: str, *parts: str) -> str:
    """Return the path of a job or of something of it."""
    return "/".join(["/jobs", job_id, *parts])


def status_document(request: Request, job: Job) -> dict[str, Any]:
    """Return a job's status information."""
    remaining = job.remaining_seconds(utc_now())
    body: dict[str, Any] = {
        "jobID": job.id,
        "processID": job.process,
        "type": "process",
        "status": job.state.public,
        "message": message(job, preferred(request.headers.get("accept-language"))),
        "progress": int(100 * job.progress) if not job.state.final or job.state is State.SUCCESSFUL else 0,
        "created": _time(job.created),
        "links": _links(request, job),
        "suyuan:owner": job.owner,
        "suyuan:attempt": job.attempt,
    }
    for name, moment in (("started", job.started), ("finished", job.finished), ("updated", job.updated)):
        if moment is not None:
            body[name] = _time(moment)
    if remaining is not None:
        body["suyuan:remainingSeconds"] = round(remaining, 1)
    if job.state is State.FAILED:
        body["suyuan:problem"] = job.problem
    return body


def message(job: Job, language: Language | None = None) -> str:
    """Return in one line how a job stands; why it failed in the language asked for, in both where none was."""
    if job.state is State.FAILED:
        english, zh = told(job.reason, "en"), told(job.reason, "zh")
        return {"zh": zh, "en": english}.get(language or "", english if zh == english else f"{zh} · {english}")
    if job.state is State.SUCCESSFUL and job.findings:
        return f"{job.findings.summary_zh} · {job.findings.summary_en}"
    return job.step or _MESSAGES[job.state]


def found_layers(job: Job) -> tuple[StoredLayer, ...]:
    """Return the layers of a finished job.

    Raises
    ------
    ResultNotReady
        It has none: not ready, or dismissed.
    SuyuanError
        The job failed; the error that it failed of.
    """
    if job.state is State.FAILED:
        raise _FAILURES.get(job.problem, NotConverged)(job.reason)
    if job.state is not State.SUCCESSFUL or job.findings is None:
        state, _, _ = _MESSAGES[job.state].partition(" ")
        raise ResultNotReady(
            f"job {job.id} has no results: it is {job.state.public}", f"任务 {job.id} 没有结果：{state}"
        )
    return job.findings.layers


def results_response(
    request: Request, services: Services, job: Job, outputs: tuple[str, ...] = (), *, raw: bool = False
) -> Response:
    """Return the results of a job: one document, larger layers as links; or the first output as it is."""
    layers = [layer for layer in found_layers(job) if not outputs or layer.name in outputs]
    if raw and len(layers) == 1:
        return layer_response(services, job, layers[0], "geojson")
    text = _results_text(request, services, job, layers)
    return Response(text, media_type="application/json", headers={"Cache-Control": "no-cache"})


def found_response(request: Request, services: Services, job: Job) -> Response:
    """Return the results of a job and what must be said of them, from the moment they are recorded."""
    if job.state is not State.STORING or job.findings is None:
        found_layers(job)
    findings = job.findings
    if findings is None:
        raise TypeError("a job with layers has findings")
    said = {
        "jobID": job.id,
        "message": f"{findings.summary_zh} · {findings.summary_en}",
        "warnings": findings.provenance.get("warnings", []),
    }
    results = _results_text(request, services, job, findings.layers)
    text = f'{json.dumps(said, ensure_ascii=False)[:-1]}, "results": {results}}}'
    return Response(text, media_type="application/json", headers={"Cache-Control": "no-cache"})


def _results_text(request: Request, services: Services, job: Job, layers: Sequence[StoredLayer]) -> str:
    """Return layers as one JSON object, the large ones as links."""
    files, parts = ResultFiles(services.jobs.folder), []
    for layer in layers:
        name = json.dumps(layer.name)
        path = job_path(job.id, "results", layer.name)
        if layer.count > INLINE_FEATURES:
            text = json.dumps(link(request, path, "item", media=MEDIA_TYPE, title=layer.name), ensure_ascii=False)
        else:
            frame = files.read(layer)
            value = collection_text(feature_texts(frame, range(1, len(frame) + 1)), {})
            text = f'{{"mediaType":"{MEDIA_TYPE}","value":{value}}}'
        parts.append(f"{name}:{text}")
    return f"{{{','.join(parts)}}}"


def layer_response(services: Services, job: Job, layer: StoredLayer, f: str) -> Response:
    """Return one layer of a result as a file of the format `f`, with its provenance where the format holds it."""
    suffix, media = DOWNLOADS[f]
    frame = ResultFiles(services.jobs.folder).read(layer)
    record = job.findings.provenance if job.findings else {}
    headers = {"ETag": f'"{layer.sha256[:32]}-{f}"', "Cache-Control": "no-cache"}
    if f == "geojson":
        text = collection_text(feature_texts(frame, range(1, len(frame) + 1)), {"provenance": record})
        return Response(text, media_type=media, headers=headers)
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{layer.name}{suffix}"
        write_vector(frame, path, record)
        content = path.read_bytes()
    headers["Content-Disposition"] = f'attachment; filename="{layer.name}-{job.id}{suffix}"'
    return Response(content, media_type=media, headers=headers)


def _links(request: Request, job: Job) -> list[Link]:
    links = [
        link(request, job_path(job.id), "self", title="Status"),
        link(request, f"{job_path(job.id)}?f=html", "alternate", media="text/html", title="Page"),
        link(request, job_path(job.id, "log"), "related", title="Log"),
        link(request, f"/processes/{job.process}", "up", title="Process"),
    ]
    if not job.state.final:
        links.append(link(request, job_path(job.id, "events"), "monitor", media="text/event-stream", title="Events"))
    if job.state in (State.STORING, State.SUCCESSFUL) and job.findings:
        links.append(link(request, job_path(job.id, "found"), "preview", title="What was found"))
    if job.state is State.SUCCESSFUL and job.findings:
        results = job_path(job.id, "results")
        links.append(link(request, results, "http://www.opengis.net/def/rel/ogc/1.0/results", title="Results"))
        links.append(link(request, job_path(job.id, "provenance"), "describedby", title="Provenance"))
        links += [
            link(request, collection_path(layer.name), "collection", title=f"Layer {layer.name}")
            for layer in job.findings.layers
        ]
    return links


def _time(moment: Any) -> str:
    return str(moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"))
