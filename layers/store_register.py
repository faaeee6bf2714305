"""What a store knows of itself beside its layers: its format, the months of observations, a write under way."""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from geo.errors import InvalidInput, SourceUnavailable
from layers.store_files import TEMPORARY, replace_durably

FORMAT = 2
"""1: a Parquet file per UTC month under a fixed name. 2: a file per month of the city, named by its content, listed."""

WRITING = "writing"
"""The document of a write under way: what, who, since, and how to tell whether it took effect."""


class Register(Protocol):
    """Named JSON documents, each saved whole; `format` and `observations` are such names."""

    def load(self) -> dict[str, Any]:
        """Return all documents; empty where nothing was saved."""

    def save(self, documents: Mapping[str, Any]) -> None:
        """Save documents under their names in one step; None removes one. Only under the writers' lock."""


class FileRegister:
    """The register of a folder: ``store.json``, and ``writing.json`` while a write is under way."""

    def __init__(self, path: Path) -> None:
        """Name the file; it is made at the first save."""
        self.path = path
        self._writing = path.with_name("writing.json")

    def load(self) -> dict[str, Any]:
        """Return all documents.

        Raises
        ------
        SourceUnavailable
            The file cannot be read or is damaged.
        """
        documents = _read(self.path)
        return documents | {WRITING: _read(self._writing)} if self._writing.exists() else documents

    def save(self, documents: Mapping[str, Any]) -> None:
        """Save documents in one step, durably but for `writing`, which only has to outlive the process.

        Raises
        ------
        SourceUnavailable
            The disk is full or the folder cannot be written; the register is as it was.
        """
        lasting = {name: document for name, document in documents.items() if name != WRITING}
        try:
            if documents.get(WRITING) is not None:
                self._writing.write_text(json.dumps(documents[WRITING], ensure_ascii=False), "utf-8")
            if lasting:
                known = {**_read(self.path), **lasting}
                self._replace({name: document for name, document in known.items() if document is not None})
            if WRITING in documents and documents[WRITING] is None:
                self._writing.unlink(missing_ok=True)
        except OSError as error:
            raise SourceUnavailable(f"cannot write {self.path}: {error.strerror}; nothing was changed") from error

    def _replace(self, documents: Mapping[str, Any]) -> None:
        part = self.path.parent / f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}.json"
        try:
            part.write_text(json.dumps(documents, ensure_ascii=False, indent=1, sort_keys=True), "utf-8")
            replace_durably(part, self.path)
        finally:
            part.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SourceUnavailable(f"cannot read {path}: {error.strerror}") from error
    try:
        return dict(json.loads(text))
    except ValueError as error:
        if path.name == "writing.json":  # its writer was stopped while writing it: nothing had begun
            return {}
        raise SourceUnavailable(f"{path} is damaged; restore a copy") from error


def store_format(documents: Mapping[str, Any], place: str) -> int:
    """Return a store's format, 1 where it says none.

    Raises
    ------
    InvalidInput
        A newer Suyuan made it.
    """
    found = int(documents.get("format", 1))
    if found > FORMAT:
        raise InvalidInput(
            f"{place} was written by a newer Suyuan (format {found}, this one knows {FORMAT}): update Suyuan"
        )
    return found
