"""Files of a workspace behind any fsspec URL; loaded for a shared store alone, as the library takes a while."""

import io
import secrets
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from threading import RLock
from typing import IO, Any

import fsspec
from fsspec.core import url_to_fs

from geo.errors import InvalidInput, MissingData, SourceUnavailable
from layers.store_files import TEMPORARY, Files, LocalFiles, without_secrets

_BLOCK = 1 << 20
# The extra that brings the driver of a protocol.
_EXTRAS = {"s3": "s3", "s3a": "s3", "sftp": "sftp", "ssh": "sftp"}


class RemoteFiles:
    """Files behind a URL of any fsspec protocol (s3, gs, abfs, sftp, smb, memory ...).

    An object store shows an upload only when it is whole; elsewhere the file is sent under another name and moved.
    Drivers raise errors of their own kinds: any of them becomes SourceUnavailable here, and the next use connects anew.
    Drivers with one connection (sftp, smb ...) are not made for several threads: their users take turns.
    """

    _WHOLE = ("s3", "s3a", "gs", "gcs", "abfs", "az", "memory")

    def __init__(self, url: str) -> None:
        """Find the file system of the URL; some drivers connect at once.

        Raises
        ------
        InvalidInput
            The protocol is not known, or its driver is not installed.
        SourceUnavailable
            It cannot be reached.
        """
        self.place = without_secrets(url)
        self._url = url
        self._turn = RLock()
        self._lost = False
        self._cache: Path | None = None
        self._connect()

    def _connect(self) -> None:
        try:
            # Not from fsspec's cache: there a connection that broke stays for the life of the process.
            self._fs, self._root = url_to_fs(self._url, skip_instance_cache=True)
        except (ImportError, ValueError) as error:
            extra = _EXTRAS.get(self._url.partition("://")[0])
            hint = f"; pip install 'suyuan[{extra}]'" if extra and isinstance(error, ImportError) else ""
            raise InvalidInput(f"SUYUAN_STORE_URL {self.place}: {_reason(error)}{hint}") from error
        except Exception as error:
            raise SourceUnavailable(f"cannot reach {self.place}: {_reason(error)}") from error
        protocol = self._fs.protocol
        self._protocols = {protocol} if isinstance(protocol, str) else set(protocol)
        self._lost = False

    def names(self, folder: str) -> list[str]:
        """Return the files of a folder, sorted, without those that are being written."""
        return [name for name in self._listed(folder) if not name.startswith(".")]

    def exists(self, name: str) -> bool:
        """Return whether the file is there."""
        try:  # not `isfile`, which takes a store that cannot be reached for one without the file
            found = self._act(name, "info", self._path(name))
        except FileNotFoundError:
            return False
        return bool(found["type"] == "file")

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
            try:
                write(part)
                self._send(name, part, target)
            except OSError as error:
                raise self._unavailable(name, error) from error

    def _send(self, name: str, part: Path, target: str) -> None:
        if self._protocols & set(self._WHOLE):
            self._act(name, "put_file", str(part), target)
            return
        sent = self._path(f"{name.rpartition('/')[0]}/{TEMPORARY}{secrets.token_hex(6)}")
        self._act(name, "makedirs", target.rpartition("/")[0], exist_ok=True)
        self._act(name, "put_file", str(part), sent)
        self._act(name, "mv", sent, target)

    def open(self, name: str) -> IO[bytes]:
        """Open for reading at any position; FileNotFoundError where it is not there."""
        stream = self._act(name, "open", self._path(name), "rb")
        return io.BufferedReader(_Stream(stream, self._turns()), _BLOCK)

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
            try:
                self._act(name, "get_file", self._path(name), str(part))
            except OSError as error:
                raise self._unavailable(name, error) from error
            part.replace(path)
        return path

    def remove(self, name: str) -> None:
        """Remove the file if it is there."""
        with suppress(FileNotFoundError):
            self._act(name, "rm_file", self._path(name))

    def leftovers(self, folder: str) -> list[str]:
        """Return what a stopped writer left half-written in a folder."""
        return [f"{folder}/{name}" for name in self._listed(folder) if name.startswith(TEMPORARY)]

    def _path(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"

    def _turns(self) -> AbstractContextManager[Any]:
        shared = self._fs.async_impl or "memory" in self._protocols
        return nullcontext() if shared else self._turn

    def _listed(self, folder: str) -> list[str]:
        # Another process may have changed the folder since it was listed last.
        self._fs.invalidate_cache()
        try:
            found: Iterable[dict[str, Any]] = self._act(folder, "ls", self._path(folder), detail=True)
        except FileNotFoundError:
            return []
        return sorted(str(entry["name"]).rpartition("/")[2] for entry in found if entry["type"] == "file")

    def _act(self, name: str, what: str, *arguments: object, **options: object) -> Any:
        """Let the driver do something; FileNotFoundError passes, every other failure is one of the store."""
        with self._turns():
            if self._lost:
                self._connect()
            try:
                return getattr(self._fs, what)(*arguments, **options)
            except FileNotFoundError:
                raise
            except Exception as error:
                self._lost = True
                raise self._unavailable(name, error) from error

    def _unavailable(self, name: str, error: Exception) -> SourceUnavailable:
        return SourceUnavailable(f"cannot use {name} in {self.place}: {_reason(error)}; nothing was changed")


class _Stream(io.RawIOBase):
    """A file of a driver, whose errors of its own kinds become those that readers of files expect."""

    def __init__(self, inner: Any, turns: AbstractContextManager[Any]) -> None:
        self._inner = inner
        self._turns = turns

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            with self._turns:
                found = self._inner.read(len(buffer))
        except OSError:
            raise
        except Exception as error:
            raise OSError(_reason(error)) from error
        buffer[: len(found)] = found
        return len(found)

    def seek(self, offset: int, whence: int = 0) -> int:
        with self._turns:
            self._inner.seek(offset, whence)
            return int(self._inner.tell())

    def tell(self) -> int:
        return int(self._inner.tell())

    def close(self) -> None:
        if not self.closed:
            with self._turns:
                self._inner.close()
        super().close()


def _reason(error: Exception) -> str:
    return " ".join(str(getattr(error, "strerror", None) or error or type(error).__name__).split())


def open_files(url: str) -> Files:
    """Return the files behind a URL; ``file://`` and a plain path are a folder of this machine."""
    protocol, _, rest = url.partition("://")
    if not rest:
        return LocalFiles(Path(url).expanduser())
    if protocol in ("file", "local"):
        return LocalFiles(Path(fsspec.core.strip_protocol(url)))
    return RemoteFiles(url)
