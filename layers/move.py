"""A workspace from one store into another: verified by hashes, taken up again where it stopped, source untouched."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from geo.errors import InvalidInput, SourceUnavailable
from layers.backend import Change
from layers.frames import kinds
from layers.observation_store import ObservationStore
from layers.provenance import content_hash
from layers.records import LayerRecord
from layers.store import Workspace
from layers.store_files import Files, LocalFiles, file_hash
from layers.store_register import FORMAT
from layers.versions import Version

CLAIM = "moved_from"
"""Document of the target's register: the source, and whether everything has arrived."""

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Moved:
    """What stands in the target now, and how much of it this run brought; the rest was there already."""

    layers: int
    versions: int
    months: int
    rasters: int
    brought: int


def move(source: Workspace, target: Workspace, progress: Progress = lambda done, total, what: None) -> Moved:
    """Copy everything from one workspace into another that is empty, or into which this move was begun before.

    Each file is compared by the SHA-256 of its bytes, each layer by the content hash of what the target gives back.
    The target says only at the end that it is whole; a move that was stopped goes on from where it was.

    Raises
    ------
    InvalidInput
        There is no source; source and target are one; the target holds data of its own.
    SourceUnavailable, MissingData
        A store cannot be read or written, or something arrived other than it was; the source is as it was.
    """
    source.require()
    _check_apart(source, target)
    with source.backend.lock(), target.transaction():
        _claim(source, target)
        records = source.backend.records()
        names = _file_names(source)
        total, done, brought = len(names) + len(records) + 1, 0, 0
        for name in names:
            brought += _copy(source.backend.files, target.backend.files, name)
            progress(done := done + 1, total, "文件 files")
        brought += _bring_observations(source, target, source.observations, target.observations)
        brought += _bring_observations(source, target, source.daily, target.daily)
        progress(done := done + 1, total, "观测 observations")
        for record in records.values():
            brought += _bring_layer(source, target, record)
            progress(done := done + 1, total, record.id)
        versions = sum(_bring_versions(source, target, layer) for layer in source.backend.versioned())
        target.backend.register.save({CLAIM: {"source": _identity(source), "whole": True}, "format": FORMAT})
        rasters = sum(name.startswith("rasters/") for name in names)
        months = len(source.observations.months()) + len(source.daily.months())
        return Moved(len(records), versions, months, rasters, brought)


def check(workspace: Workspace) -> int:
    """Compare everything that is held with its hash.

    Returns
    -------
    int
        How many layers, versions and files were compared.

    Raises
    ------
    MissingData, SourceUnavailable
        Something is damaged or missing; the message names it.
    """
    workspace.require()
    with workspace.backend.lock():
        records = workspace.backend.records()
        for record in records.values():
            if content_hash(workspace.read(record.id)) != record.content_hash:
                raise SourceUnavailable(
                    f"layer {record.id} in {workspace.place} is not what was stored: another program changed it; "
                    "add it again, or restore a version with `suyuan layers rollback`"
                )
        kept = [v for layer in workspace.backend.versioned() for v in workspace.backend.versions(layer)]
        for version in kept:
            workspace.snapshots.get(version)
        stores = (workspace.observations, workspace.daily)
        for store in stores:
            store.verify()
        names = [name for store in stores for name in store.manifest().names()]
        _remove_unlisted(workspace)
    return len(records) + len(kept) + len(names)


def _remove_unlisted(workspace: Workspace) -> None:
    """Remove versions that never took effect, but not those that a move under way brought before their list."""
    claim = workspace.backend.register.load().get(CLAIM)
    if claim is None or claim["whole"]:
        workspace.remove_unlisted()


def _check_apart(source: Workspace, target: Workspace) -> None:
    one, two = source.backend.files, target.backend.files
    if isinstance(one, LocalFiles) and isinstance(two, LocalFiles):
        same = Path(one.root).resolve() == Path(two.root).resolve()
    else:
        same = one.place == two.place
    if same or source.place == target.place:
        raise InvalidInput(f"{target.place} and {source.place} keep their files in one place; move to another")


def _claim(source: Workspace, target: Workspace) -> None:
    """Note in the target where it comes from; refuse a target that holds anything else."""
    claim: dict[str, Any] | None = target.backend.register.load().get(CLAIM)
    begun = claim is not None and claim["source"] == _identity(source) and not claim["whole"]
    if not begun and (target.backend.records() or target.observations.months() or target.daily.months()):
        told = "" if claim is None else f", moved there from {claim['source']}"
        raise InvalidInput(f"{target.place} holds data already{told}; move into an empty workspace")
    target.backend.register.save({CLAIM: {"source": _identity(source), "whole": False}})


def _identity(workspace: Workspace) -> str:
    return str(workspace.path.resolve()) if workspace.place == str(workspace.path) else workspace.place


def _file_names(source: Workspace) -> list[str]:
    """Return the snapshots of all versions and the rasters."""
    versions = [v for layer in source.backend.versioned() for v in source.backend.versions(layer)]
    names = {source.snapshots.name(version) for version in versions}
    return sorted(names | {f"rasters/{name}" for name in source.backend.files.names("rasters")})


def _copy(source: Files, target: Files, name: str) -> bool:
    wanted = file_hash(source, name)
    if target.exists(name) and file_hash(target, name) == wanted:
        return False

    def write(part: Path) -> None:
        with source.open(name) as stream, part.open("wb") as out:
            while block := stream.read(1 << 20):
                out.write(block)

    target.put(name, write)
    if file_hash(target, name) != wanted:
        raise SourceUnavailable(f"{name} arrived in {target.place} other than it was in {source.place}; move again")
    return True


def _bring_observations(source: Workspace, target: Workspace, held: ObservationStore, here: ObservationStore) -> int:
    manifest = held.manifest()
    if not manifest.months or here.manifest() == manifest:
        return 0
    if all(entry.sha256 for entry in manifest.months.values()):
        brought = sum(_copy(source.backend.files, target.backend.files, name) for name in sorted(manifest.names()))
        here.replace(manifest)
    else:
        brought = here.take_over(held)
    here.verify()
    return brought


def _bring_layer(source: Workspace, target: Workspace, record: LayerRecord) -> bool:
    there = target.backend.records().get(record.id)
    if there is not None and there == record and content_hash(target.read(record.id)) == record.content_hash:
        return False
    frame = source.read(record.id)
    # Another program may have changed the table since; what it holds now is what moves.
    now = replace(record, columns=kinds(frame), count=len(frame), content_hash=content_hash(frame))
    target.backend.write(Change([(now, frame)]))
    if content_hash(target.read(record.id)) != now.content_hash:
        raise SourceUnavailable(f"layer {record.id} arrived in {target.place} other than it was; move again")
    return True


def _bring_versions(source: Workspace, target: Workspace, layer: str) -> int:
    versions: list[Version] = source.backend.versions(layer)
    there = target.backend.versions(layer)
    missing = [version for version in versions if version not in there]
    if missing:
        target.backend.write(Change([], missing))
    if target.backend.versions(layer) != versions:
        raise SourceUnavailable(f"the versions of {layer} in {target.place} are not those of {source.place}")
    for version in versions:
        target.snapshots.get(version)
    return len(versions)
