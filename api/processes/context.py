"""What an analysis may ask of its surroundings: layers, files, compute and a progress bar."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

import geopandas as gpd
import pandas as pd

from geo.errors import InvalidInput
from layers.catalogue import get_schema
from layers.files import read_vector
from layers.ingest import ingest
from layers.provenance import content_hash
from layers.store import Workspace

if TYPE_CHECKING:
    # Half a second that a command without a cluster does not spend.
    from distributed import Client

FILES = "files"


@dataclass(frozen=True)
class Found:
    """A layer that a job has found: its features, the record that explains it, whether it rests on generated data."""

    frame: gpd.GeoDataFrame
    record: Mapping[str, Any]
    synthetic: bool


Results = Callable[[str, str], Found | None]
P = ParamSpec("P")
R = TypeVar("R")


class Progress(Protocol):
    """Told how much of a step is done; called from the thread that runs the analysis."""

    def __call__(self, done: int, total: int, what: str) -> None:
        """Take note that `done` of `total` parts of `what` are finished."""


def silent(done: int, total: int, what: str) -> None:
    """Report nothing: the progress of a run that nobody watches."""


class Context:
    """The surroundings of one run; it remembers each source that was read, for the provenance record.

    Parameters
    ----------
    workspace : Path or callable
        Folder of the store, or what opens it; opened only when a layer is asked for, so runs on files need none.
    client : Client, optional
        Dask cluster for the heavy steps; without it they run in this process.
    files : bool
        Whether a source may be any path on this machine. The HTTP door says no: there a file is named alone, and lies
        in the folder `files` of the workspace.
    folder : Path, optional
        The workspace's folder on this machine, where its layers lie elsewhere.
    output : Path, optional
        The file that the result will be written to: an analysis whose result does not fit into memory writes it there
        part by part.
    results : callable, optional
        Finds a layer that a job of this workspace has found, by the job's id and the layer's.
    """

    def __init__(
        self,
        workspace: Path | Callable[[], Workspace],
        *,
        client: "Client | None" = None,
        progress: Progress = silent,
        files: bool = True,
        folder: Path | None = None,
        output: Path | None = None,
        results: Results | None = None,
    ) -> None:
        """Note where the store lies; nothing is opened yet."""
        self.client = client
        self.output = output
        self.progress = progress
        self._open = workspace if callable(workspace) else partial(Workspace, workspace)
        self._files = files
        self._results = results
        self._folder = folder or (workspace if isinstance(workspace, Path) else None)
        self._inputs: dict[str, str] = {}
        self._paths: set[str] = set()
        self._synthetic = False
        self._held = ExitStack()

    def __enter__(self) -> "Context":
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave what is held."""
        self._held.__exit__(kind, error, trace)

    def hold(self, thing: AbstractContextManager[R]) -> R:
        """Enter something that is left with this context, when the result is written or anything has gone wrong."""
        return self._held.enter_context(thing)

    @cached_property
    def workspace(self) -> Workspace:
        """The store of this run."""
        return self._open()

    def inputs_read(self) -> dict[str, str]:
        """Return the content hash of each source read so far, by name, in a stable order."""
        return dict(sorted(self._inputs.items()))

    @property
    def synthetic(self) -> bool:
        """Whether any source so far was generated; what is made of it then says so too."""
        return self._synthetic

    def was_file(self, source: str) -> bool:
        """Return whether this text named a file that was read."""
        return source in self._paths

    def has_layer(self, layer: str) -> bool:
        """Return whether the workspace is there and holds this layer."""
        store = self.workspace
        return store.exists() and layer in {record.id for record in store.records()}

    def file(self, path: str | Path) -> Path:
        """Check that a file may be read and is there, and note it as an input."""
        source = Path(path) if self._files else self._offered(str(path))
        if source.is_dir():
            raise InvalidInput(f"{path}: a folder; give the files in it")
        if not source.is_file():
            raise InvalidInput(f"{path}: no such file; check the path")
        sha256 = content_hash(source)
        same_name = self._inputs.get(source.name, sha256) != sha256
        self._inputs[f"{source.name} ({sha256[:8]})" if same_name else source.name] = sha256
        self._paths.add(str(path))
        return source

    def offers(self, path: str) -> bool:
        """Return whether a file may be read and is there, without taking note of it."""
        try:
            return (Path(path) if self._files else self._offered(path)).is_file()
        except InvalidInput:
            return False

    def own_file(self, name: str) -> Path | None:
        """Return a file of the workspace's folder `files`, noted as an input; None where it is not there.

        For what an analysis takes if the user names nothing else; both doors find the same.
        """
        try:
            found = self._offered(name)
        except InvalidInput:
            return None
        self._inputs[name] = content_hash(found)
        return found

    def result(self, job: str, layer: str) -> tuple[gpd.GeoDataFrame, Mapping[str, Any]] | None:
        """Return a layer that a job has found, and the record that explains it; None where there is no such job.

        Raises
        ------
        InvalidInput
            The job has no result, or none of this name.
        """
        found = None if self._results is None else self._results(job, layer)
        if found is None:
            return None
        self._inputs[f"{layer} (job {job})"] = content_hash(found.frame)
        self._synthetic |= found.synthetic
        return found.frame, found.record

    def vector(self, source: str) -> gpd.GeoDataFrame:
        """Read any vector file or layer as it is, in EPSG:4326."""
        if self._is_layer(source):
            return self._layer(source)
        frame = read_vector(self.file(source))
        self._note_synthetic(frame)
        return frame

    def ledger(self, source: str, schema_id: str) -> gpd.GeoDataFrame:
        """Read a layer, or a file checked against the schema; one bad row is an error that names it."""
        if self._is_layer(source):
            return self._layer(source)
        report = ingest(self.file(source), get_schema(schema_id))
        if report.refused:
            first = report.rejected.iloc[0]
            raise InvalidInput(
                f"{source} row {first['row']}: {first['column']} {first['value']!r}: {first['reason_en']}; "
                f"{report.rejected_rows} of {report.total} rows are wrong, correct them"
            )
        self._note_synthetic(report.accepted)
        return report.accepted

    def observations(
        self, pollutant: str, start: pd.Timestamp | None = None, end: pd.Timestamp | None = None
    ) -> pd.DataFrame:
        """Read the workspace's hourly values of one pollutant, start <= time < end."""
        found = self.workspace.observations.read(start=start, end=end, pollutants=[pollutant])
        self._inputs[f"observations ({pollutant})"] = content_hash(found)
        self.note_flags(found["flag"])
        return found

    def note_flags(self, flags: pd.Series) -> None:
        """Take note of observations that were generated: what is made of them says so too."""
        self._synthetic |= bool(flags.fillna("").str.split(";").map(lambda parts: "synthetic" in parts).any())

    def compute(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a pure function on the cluster, or here if there is none; the answer is the same."""
        if self.client is None:
            return function(*args, **kwargs)
        future = self.client.submit(function, *args, pure=False, **kwargs)
        result: R = future.result()
        return result

    def _offered(self, name: str) -> Path:
        """Return a file of the workspace's folder `files`; nothing beside it can be named."""
        found = Path(FILES, name) if self._folder is None else self._folder / FILES / name
        plain = name == Path(name).name and not name.startswith(".") and "\\" not in name
        if self._folder is None or not plain or found.is_symlink() or not found.is_file():
            raise InvalidInput(
                f"{name}: files of the server cannot be named here; give the id of a layer, or the name of a file that "
                f"lies in the folder {FILES} of the workspace"
            )
        return found

    def _is_layer(self, source: str) -> bool:
        return not (self._files and Path(source).is_file()) and Path(source).suffix == "" and "/" not in source

    def _layer(self, layer_id: str) -> gpd.GeoDataFrame:
        store = self.workspace
        self._synthetic |= store.record(layer_id).synthetic
        frame = store.read(layer_id)
        self._inputs[layer_id] = content_hash(frame)
        return frame

    def _note_synthetic(self, frame: gpd.GeoDataFrame) -> None:
        if "synthetic" in frame:
            self._synthetic |= bool(frame["synthetic"].fillna(False).astype(bool).any())
