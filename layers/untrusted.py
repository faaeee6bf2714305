"""Files from somebody whom nobody can vouch for: is it what its name says, and how large does it become when read?

A few kilobytes can unpack to terabytes, name a place outside their folder, or be a program under a table's name. All
of this is looked at before any reader opens the file.
"""

import re
import sqlite3
import stat
import unicodedata
import zipfile
import zlib
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pyarrow
import pyarrow.parquet

from geo.errors import InvalidInput
from layers.tables import BROKEN_ARCHIVE

# What can be told apart by its first bytes; the others are text.
_MAGIC = {
    ".gpkg": (b"SQLite format 3\x00", "GeoPackage"),
    ".zip": (b"PK\x03\x04", "ZIP"),
    ".kmz": (b"PK\x03\x04", "KMZ"),
    ".xlsx": (b"PK\x03\x04", "Excel .xlsx"),
    ".fgb": (b"fgb", "FlatGeobuf"),
    ".parquet": (b"PAR1", "Parquet"),
    ".gz": (b"\x1f\x8b", "gzip"),
}
TEXTS = (".csv", ".txt", ".tsv", ".geojson", ".json", ".kml")
UPLOADABLE = (*TEXTS, *_MAGIC)
_ARCHIVES = (".zip", ".kmz", ".xlsx", ".gz", ".bz2", ".xz", ".7z", ".rar", ".tar", ".tgz", ".zst")
_STARTS_OF_ARCHIVES = (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd")
_LONGEST_NAME = 200
_PIECE = 2**20


@dataclass(frozen=True)
class FileLimits:
    """How much a file may hold.

    Attributes
    ----------
    unpacked_bytes : what an archive's members, or a compressed file, are together when unpacked.
    ratio : how many times larger than packed; small files may be more.
    members : how many files an archive may hold.
    cells : rows times columns of a Parquet file.
    """

    unpacked_bytes: int = 2**30
    ratio: int = 200
    members: int = 1000
    cells: int = 100_000_000

    @property
    def small_bytes(self) -> int:
        """Below this size nobody is hurt, however well it was packed."""
        return min(16 * 2**20, self.unpacked_bytes)


def plain_name(text: str) -> str:
    """Return the name under which a stranger's file is kept: its last part, without what no file name needs.

    Raises
    ------
    InvalidInput
        Nothing is left of it, or its extension is not one that is read.
    """
    last = re.split(r"[\\/]", unicodedata.normalize("NFC", text))[-1]
    shown = "".join(sign for sign in last if unicodedata.category(sign)[0] not in "CZ" or sign == " ")
    shown = re.sub(r'[<>:"|?*]', "_", shown).rstrip(" .")
    stem, dot, end = shown.rpartition(".")
    suffix = f"{dot}{end.lower()}"
    if suffix not in UPLOADABLE:
        raise InvalidInput(f"the file name {shown[:60]!r} has none of the extensions {', '.join(UPLOADABLE)}")
    short = stem.strip(" .").encode()[:_LONGEST_NAME].decode("utf-8", "ignore").strip(" .")
    return f"{short or 'file'}{suffix}"


def check_untrusted(path: Path, limits: FileLimits | None = None) -> None:
    """Refuse a file that is not what its extension says, or that grows beyond the limits when it is read.

    Raises
    ------
    InvalidInput
        It is empty, of another kind, encrypted, damaged, an archive in an archive, names places outside its folder, or
        becomes too large; the message says which.
    """
    limits = limits or FileLimits()
    suffix = path.suffix.lower()
    with path.open("rb") as stream:
        start = stream.read(4096)
    if not start:
        raise InvalidInput(f"{path.name} is empty (0 bytes)")
    magic, title = _MAGIC.get(suffix, (b"", ""))
    if not start.startswith(magic):
        raise InvalidInput(f"{path.name} is not {title}, whatever its name says; check the file or its extension")
    if suffix in TEXTS and b"\x00" in start and not start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InvalidInput(f"{path.name} is not a text file; save it as CSV or give it its right extension")
    if suffix in (".zip", ".kmz", ".xlsx"):
        _check_archive(path, limits)
    elif suffix == ".gz":
        _check_gzip(path, limits)
    elif suffix == ".gpkg":
        _check_geopackage(path)
    elif suffix == ".parquet":
        _check_parquet(path, limits)


def _check_archive(path: Path, limits: FileLimits) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > limits.members:
                raise InvalidInput(f"{path.name} holds {len(members)} files; at most {limits.members} are taken")
            for member in members:
                _check_member(path.name, member)
            _check_growth(
                path.name, sum(m.file_size for m in members), sum(m.compress_size for m in members) or 1, limits
            )
            for member in members:
                _check_content(path, archive, member)
    except BROKEN_ARCHIVE as error:
        if isinstance(error, InvalidInput):
            raise
        raise InvalidInput(f"{path.name} is not a ZIP archive or is cut off") from error


def _check_member(name: str, member: zipfile.ZipInfo) -> None:
    inside = member.filename
    parts = re.split(r"[\\/]", inside)
    outside = ".." in parts or inside.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", inside) or "\x00" in inside
    if outside or stat.S_ISLNK(member.external_attr >> 16):
        raise InvalidInput(f"{name} holds {inside[:100]!r}, which leads out of its folder; pack plain files")
    if member.flag_bits & 1:
        raise InvalidInput(f"{name} is encrypted; pack it without a password")
    if inside.lower().endswith(_ARCHIVES):
        raise InvalidInput(f"{name} holds the archive {inside[:100]!r}; unpack it first")


def _check_content(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    with archive.open(member) as stream:
        start = stream.read(4096)
    if start.startswith(_STARTS_OF_ARCHIVES):
        raise InvalidInput(f"{path.name} holds the archive {member.filename[:100]!r}; unpack it first")
    if member.filename.lower().endswith((".xml", ".kml", ".rels")) and (b"<!DOCTYPE" in start or b"<!ENTITY" in start):
        raise InvalidInput(f"{path.name} declares entities of its own, which it does not need; export it again")


def _check_growth(name: str, unpacked: int, packed: int, limits: FileLimits) -> None:
    if unpacked > limits.unpacked_bytes:
        most = limits.unpacked_bytes // 2**20
        raise InvalidInput(f"{name} unpacks to more than {most} MiB; cut it into parts")
    if unpacked > limits.small_bytes and unpacked > limits.ratio * packed:
        raise InvalidInput(f"{name} unpacks to more than {limits.ratio} times its size; send it in another format")


def _check_gzip(path: Path, limits: FileLimits) -> None:
    """Unpack without keeping anything, until the end or the limit."""
    unpacked, packed = 0, path.stat().st_size
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        with path.open("rb") as stream:
            while piece := unpacker.unconsumed_tail or stream.read(_PIECE):
                out = unpacker.decompress(piece, _PIECE)
                if not unpacked and out.startswith(_STARTS_OF_ARCHIVES):
                    raise InvalidInput(f"{path.name} holds another archive; unpack it first")
                unpacked += len(out)
                _check_growth(path.name, unpacked, packed, limits)
                if unpacker.eof:
                    rest = unpacker.unused_data
                    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
                    out = unpacker.decompress(rest, _PIECE) if rest else b""
                    unpacked += len(out)
    except zlib.error as error:
        raise InvalidInput(f"{path.name} is not a gzip file or is cut off") from error


def _check_geopackage(path: Path) -> None:
    """Refuse tables that are made up while they are read: a view can return rows without end."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1", uri=True)) as base:
            base.execute("PRAGMA trusted_schema = OFF")
            found = base.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_master").fetchall()
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path.name} is not a GeoPackage or is damaged") from error
    for kind, name, sql in found:
        made = kind == "view" or (sql.lower().startswith("create virtual") and "using rtree" not in sql.lower())
        if made:
            raise InvalidInput(f"{path.name} holds the view {str(name)[:60]!r}; export the layer as a table")


def _check_parquet(path: Path, limits: FileLimits) -> None:
    try:
        metadata = pyarrow.parquet.read_metadata(path)
        groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise InvalidInput(f"{path.name} is not Parquet or is cut off") from error
    cells = sum(group.num_rows for group in groups) * max(metadata.num_columns, 1)
    if cells > limits.cells:
        raise InvalidInput(f"{path.name} has {cells} cells; at most {limits.cells} are taken")
    if sum(group.total_byte_size for group in groups) > limits.unpacked_bytes:
        raise InvalidInput(f"{path.name} unpacks to more than {limits.unpacked_bytes // 2**20} MiB; cut it into parts")
