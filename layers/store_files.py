"""Files of a workspace, in a folder of this machine or behind any fsspec URL: each whole or not there."""

import hashlib
import os
import secrets
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Protocol

import fsspec
from fsspec.core import url_to_fs

from geo.errors import InvalidInput, MissingData, SourceUnavailable

TEMPORARY = ".writing-"


class Files(Protocol):
    """Where observations, rasters and snapshots lie; a name is ``folder/file``, always with one slash."""

    place: str

    def names(self, folder: str) -> list[str]:
        """Return the files of a folder, sorted, without those that are being written."""

    def exists(self, name: str) -> bool:
        """Return whether the file is there."""

    def put(self, name: str, write: Callable[[Path], object]) -> None:
        """Let `write` fill a private file, then put it in its place in one step, durably."""

    def open(self, name: str) -> IO[bytes]:
        """Open for reading at any position."""

    def local(self, name: str) -> Path:
        """Return a file of this machine with this content."""

    def remove(self, name: str) -> None:
        """Remove the file if it is there."""

    def leftovers(self, folder: str) -> list[str]:
        """Return what a stopped writer left half-written in a folder."""


class LocalFiles:
    """Files under a folder of this machine."""

    def __init__(self, root: Path) -> None:
        """Name the folder; it is made at the first write."""
        self.root = root
        self.place = str(root)

    def names(self, folder: str) -> list[str]:
        """Return the files of a folder, sorted, without those that are being written."""
        found = (self.root / folder).glob("*")
        return sorted(path.name for path in found if not path.name.startswith(".") and path.is_file())

    def exists(self, name: str) -> bool:
        """Return whether the file is there."""
        return (self.root / name).is_file()

    def put(self, name: str, write: Callable[[Path], object]) -> None:
        """Let `write` fill a file beside the place, then move it there in one step, durably.

        Raises
        ------
        SourceUnavailable
            The disk is full or the folder cannot be written; nothing was changed.
        """
        target = self.root / name
        part = target.parent / f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}{target.suffix}"
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            write(part)
            replace_durably(part, target)
        except OSError as error:
            reason = " ".join(str(error.strerror or error).split())
            raise SourceUnavailable(f"cannot write {target}: {reason}; nothing was changed") from error
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)

    def open(self, name: str) -> IO[bytes]:
        """Open for reading at any position."""
        return (self.root / name).open("rb")

    def local(self, name: str) -> Path:
        """Return the file itself.

        Raises
        ------
        MissingData
            It is not there.
        """
        path = self.root / name
        if not path.is_file():
            raise MissingData(f"{name} is not in {self.root}; add it again")
        return path

    def remove(self, name: str) -> None:
        """Remove the file if it is there."""
        with suppress(OSError):
            (self.root / name).unlink(missing_ok=True)

    def leftovers(self, folder: str) -> list[str]:
        """Return what a stopped writer left half-written in a folder."""
        there = self.root / folder
        return sorted(f"{folder}/{path.name}" for path in (*there.glob(f"{TEMPORARY}*"), *there.glob(".*.part")))


class RemoteFiles:
    """Files behind a URL of any fsspec protocol (s3, gs, abfs, sftp, smb, memory ...).

    An object store shows an upload only when it is whole; elsewhere the file is sent under another name and moved.
    """

    _WHOLE = ("s3", "s3a", "gs", "gcs", "abfs", "az", "memory")

    def __init__(self, url: str) -> None:
        """Find the file system of the URL; nothing is asked of it yet.

        Raises
        ------
        InvalidInput
            The protocol is not known, or its driver is not installed.
        """
        try:
            self._fs, self._root = url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise InvalidInput(f"SUYUAN_STORE_URL {without_secrets(url)}: {' '.join(str(error).split())}") from error
        self.place = without_secrets(url)
        self._cache: Path | None = None

    def names(self, folder: str) -> list[str]:
        """Return the files of a folder, sorted, without those that are being written."""
        return [name for name in self._listed(folder) if not name.startswith(".")]

    def exists(self, name: str) -> bool:
        """Return whether the file is there."""
        return bool(self._try(name, self._fs.isfile, self._path(name)))

    def put(self, name: str, write: Callable[[Path], object]) -> None:
        """Let `write` fill a local file, then send it.

        Raises
        ------
        SourceUnavailable
            The store cannot be reached or takes no more; nothing was changed.
        """
        target = self._path(name)
        with tempfile.TemporaryDirectory(prefix="suyuan-") as folder:
            part = Path(folder) / Path(name).name
            self._try(name, write, part)
            if self._protocols & set(self._WHOLE):
                self._try(name, self._fs.put_file, str(part), target)
                return
            sent = self._path(f"{name.rpartition('/')[0]}/{TEMPORARY}{secrets.token_hex(6)}")
            self._try(name, self._fs.makedirs, target.rpartition("/")[0], exist_ok=True)
            self._try(name, self._fs.put_file, str(part), sent)
            self._try(name, self._fs.mv, sent, target)

    def open(self, name: str) -> IO[bytes]:
        """Open for reading at any position; FileNotFoundError where it is not there."""
        return self._fs.open(self._path(name), "rb")

    def local(self, name: str) -> Path:
        """Return a copy on this machine, fetched once in the life of this object; for files that never change.

        Raises
        ------
        MissingData
            It is not there.
        """
        if self._cache is None:
            self._cache = Path(tempfile.mkdtemp(prefix="suyuan-cache-"))
            weakref.finalize(self, shutil.rmtree, self._cache, ignore_errors=True)
        path = self._cache / name
        if not path.is_file():
            if not self.exists(name):
                raise MissingData(f"{name} is not in {self.place}; add it again")
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
            self._try(name, self._fs.get_file, self._path(name), str(part))
            part.replace(path)
        return path

    def remove(self, name: str) -> None:
        """Remove the file if it is there."""
        with suppress(FileNotFoundError):
            self._fs.rm_file(self._path(name))

    def leftovers(self, folder: str) -> list[str]:
        """Return what a stopped writer left half-written in a folder."""
        return [f"{folder}/{name}" for name in self._listed(folder) if name.startswith(TEMPORARY)]

    @property
    def _protocols(self) -> set[str]:
        protocol = self._fs.protocol
        return {protocol} if isinstance(protocol, str) else set(protocol)

    def _path(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"

    def _listed(self, folder: str) -> list[str]:
        # Another process may have changed the folder since it was listed last.
        self._fs.invalidate_cache()
        try:
            found: Iterable[dict[str, Any]] = self._fs.ls(self._path(folder), detail=True)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._unavailable(folder, error) from error
        return sorted(str(entry["name"]).rpartition("/")[2] for entry in found if entry["type"] == "file")

    def _try(self, name: str, act: Callable[..., object], *arguments: object, **options: object) -> object:
        try:
            return act(*arguments, **options)
        except OSError as error:
            raise self._unavailable(name, error) from error

    def _unavailable(self, name: str, error: OSError) -> SourceUnavailable:
        reason = " ".join(str(error.strerror or error).split())
        return SourceUnavailable(f"cannot use {name} in {self.place}: {reason}; nothing was changed")


def open_files(url: str) -> Files:
    """Return the files behind a URL; ``file://`` and a plain path are a folder of this machine."""
    protocol, _, rest = url.partition("://")
    if not rest:
        return LocalFiles(Path(url).expanduser())
    if protocol in ("file", "local"):
        return LocalFiles(Path(fsspec.core.strip_protocol(url)))
    return RemoteFiles(url)


def without_secrets(url: str) -> str:
    """Return a URL as it may be shown: without user, password and query."""
    protocol, separator, rest = url.partition("://")
    head, slash, tail = rest.partition("/")
    return f"{protocol}{separator}{head.rpartition('@')[2]}{slash}{tail.partition('?')[0]}" if separator else url


def file_hash(files: Files, name: str) -> str:
    """Return the SHA-256 of a file's bytes.

    Raises
    ------
    MissingData, SourceUnavailable
        It is not there; it cannot be read.
    """
    try:
        with files.open(name) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
    except FileNotFoundError as error:
        raise MissingData(f"{name} is not in {files.place}; restore a copy") from error
    except OSError as error:
        raise SourceUnavailable(f"cannot read {name} in {files.place}: {error.strerror or error}") from error


def replace_durably(new: Path, path: Path) -> None:
    """Put a finished file in another's place so that a crash leaves one of them whole."""
    with new.open("rb+") as stream:
        os.fsync(stream.fileno())
    os.replace(new, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
