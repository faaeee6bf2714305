"""Files of a workspace, each whole or not there: what a store of files is, and the one in a folder of this machine."""

import hashlib
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Protocol

from geo.errors import MissingData, SourceUnavailable

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
