"""Taking a file from a request: into a folder of its own that is gone afterwards, and checked before it is read."""

import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from api.errors import Busy, Conflict, TooLarge
from api.settings import Settings
from layers.provenance import content_hash
from layers.untrusted import FileLimits, check_untrusted, plain_name

_log = logging.getLogger(__name__)
_PREFIX = "suyuan-upload-"
_LEFT_SECONDS = 24 * 3600


class Slots:
    """How many uploads may be read at once."""

    def __init__(self, most: int) -> None:
        """Begin with all free."""
        self._free = threading.BoundedSemaphore(most)

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold one, or raise Busy where none is free."""
        if not self._free.acquire(blocking=False):
            raise Busy("other uploads are being read; try again in a moment", "正在读取其他上传文件，请稍后再试")
        try:
            yield
        finally:
            self._free.release()


def limits_of(settings: Settings) -> FileLimits:
    """Return what an uploaded file may hold, as the settings say."""
    return FileLimits(
        unpacked_bytes=settings.most_unpacked_bytes,
        ratio=settings.most_archive_ratio,
        members=settings.most_archive_files,
    )


@contextmanager
def taken(stream: BinaryIO, name: str, limits: FileLimits) -> Iterator[Path]:
    """Put a stranger's file into a folder of its own, check it, and remove both in the end.

    Raises
    ------
    InvalidInput
        The name or the content is refused; see `layers.untrusted`.
    """
    plain = plain_name(name)
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as folder:
        path = Path(folder) / plain
        with path.open("xb") as target:
            shutil.copyfileobj(stream, target, 2**20)
        check_untrusted(path, limits)
        yield path


def keep(path: Path, folder: Path, most_bytes: int, *, replace: bool) -> Path:
    """Put a checked file into the folder of inputs, whole or not at all.

    Raises
    ------
    Conflict
        Another file of this name is there.
    TooLarge
        The folder would hold more than it may.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / path.name
    if target.is_symlink() or (target.exists() and not replace and content_hash(target) != content_hash(path)):
        raise Conflict(
            f"another file {path.name} is there already; rename yours, or send it with replace=true",
            f"已有另一个文件 {path.name}：请改名，或选择代替",
        )
    there = sum(one.stat().st_size for one in folder.iterdir() if one.is_file() and one != target)
    if there + path.stat().st_size > most_bytes:
        raise TooLarge(
            f"the folder {folder.name} may hold {most_bytes} bytes; have files removed that nobody needs",
            f"文件夹 {folder.name} 至多 {most_bytes} 字节：请先清理不用的文件",
        )
    descriptor, part = tempfile.mkstemp(prefix=".", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as stream, path.open("rb") as source:
            shutil.copyfileobj(source, stream, 2**20)
            stream.flush()
            os.fsync(stream.fileno())
        Path(part).replace(target)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
    return target


def remove_leftovers(folder: Path | None = None) -> None:
    """Remove the folders of uploads that a killed server left, once they are a day old."""
    for left in (folder or Path(tempfile.gettempdir())).glob(f"{_PREFIX}*"):
        try:
            old = time.time() - left.lstat().st_mtime > _LEFT_SECONDS
            if old and left.is_dir() and not left.is_symlink() and left.lstat().st_uid == os.getuid():
                shutil.rmtree(left)
                _log.warning("removed %s, left by a server that was stopped", left.name)
        except OSError as error:
            _log.warning("%s, left by a server that was stopped, stays: %s", left.name, error.strerror)
