"""Results of jobs as files named by what they hold; written before the job says that it has them."""

import hashlib
import io
import os
import secrets
import time
from collections.abc import Collection
from pathlib import Path

import geopandas as gpd
import pyarrow
import pyarrow.parquet as pq
import shapely

from api.errors import NoSuchJob
from api.jobs.model import Findings, StoredLayer
from api.jobs.store import JobStore
from api.processes.base import Result
from api.processes.context import Found
from geo.errors import InvalidInput, MissingData, SourceUnavailable
from layers.frames import WGS84, normalise
from layers.store import LayerData, Workspace

_YOUNG_SECONDS = 3600


class ResultFiles:
    """The folder of result files: GeoParquet, never changed once it is there; equal results share a file."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; it is made with the first result."""
        self.folder = folder / "results"

    def keep(self, result: Result, *, synthetic: bool) -> Findings:
        """Write each layer of a result durably and return what finds it again."""
        layers = []
        for name, layer in result.outcome.layers.items():
            frame = normalise(layer.frame)
            sha256 = self._put(_parquet(frame))
            layers.append(StoredLayer(name, layer.schema, f"{sha256}.parquet", sha256, len(frame), synthetic))
        outcome = result.outcome
        return Findings(tuple(layers), outcome.summary_zh, outcome.summary_en, result.provenance)

    def read(self, layer: StoredLayer) -> gpd.GeoDataFrame:
        """Return one layer of a result.

        Raises
        ------
        MissingData
            The file is gone or not what was written.
        """
        path = self.folder / layer.file
        try:
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() != layer.sha256:
                raise MissingData(f"the result {path} is not what was written; run the job again")
            return _frame(content)
        except (OSError, ValueError, pyarrow.ArrowException) as error:
            raise MissingData(f"the result {path} cannot be read; run the job again") from error

    def publish(self, findings: Findings, workspace: Workspace) -> None:
        """Write the layers of a result into the workspace, all or none; doing it twice changes nothing."""
        workspace.write(
            {
                layer.name: LayerData(
                    self.read(layer), layer.schema, provenance=findings.provenance, synthetic=layer.synthetic
                )
                for layer in findings.layers
            }
        )

    def sweep(self, used: Collection[str]) -> int:
        """Remove the files that no job names, and return how many; young ones stay, whose job may be about to name
        them."""
        if not self.folder.is_dir():
            return 0
        count = 0
        for path in self.folder.iterdir():
            if path.name not in used and time.time() - path.stat().st_mtime > _YOUNG_SECONDS:
                path.unlink(missing_ok=True)
                count += 1
        return count

    def _put(self, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        target = self.folder / f"{sha256}.parquet"
        if target.exists():
            os.utime(target)
            return sha256
        part = self.folder / f".{secrets.token_hex(8)}.part"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(part, target)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise SourceUnavailable(f"cannot write {target}: {error.strerror}") from error
        return sha256


def layer_found(folder: Path, job_id: str, layer: str) -> Found | None:
    """Return a layer that a job of the workspace in a folder has found, stored or about to be; None without such a job.

    Raises
    ------
    InvalidInput
        The job has no result, or none of this name.
    """
    store = JobStore(folder)
    try:
        job = store.get(job_id)
    except NoSuchJob:
        return None
    if job.findings is None:
        raise InvalidInput(f"job {job_id} has no result: it is {job.state.public}")
    stored = next((one for one in job.findings.layers if one.name == layer), None)
    if stored is None:
        there = ", ".join(one.name for one in job.findings.layers)
        raise InvalidInput(f"job {job_id} has found no {layer}; it has {there or 'no layers'}")
    return Found(ResultFiles(store.folder).read(stored), job.findings.provenance, stored.synthetic)


def _frame(content: bytes) -> gpd.GeoDataFrame:
    """Read what `_parquet` wrote; not by `read_parquet`, which spends 20 ms on the CRS that all results have."""
    table = pq.read_table(io.BytesIO(content)).to_pandas()
    return gpd.GeoDataFrame(table.assign(geometry=shapely.from_wkb(table["geometry"])), geometry="geometry", crs=WGS84)


def _parquet(frame: gpd.GeoDataFrame) -> bytes:
    stream = io.BytesIO()
    frame.to_parquet(stream, index=False, compression="zstd")
    return stream.getvalue()
