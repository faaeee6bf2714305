"""Where a result comes from: content hashes and the record of inputs, parameters, seed and versions."""

import hashlib
import json
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pyproj
import shapely

from geo.errors import InvalidInput, SourceUnavailable
from layers.frames import kinds

LIBRARIES = ("numpy", "pandas", "geopandas", "shapely", "pyproj", "scipy", "numba", "xarray", "dask")


def content_hash(source: str | Path | bytes | pd.DataFrame) -> str:
    """Return the SHA-256 of a file's bytes or of a table's content.

    A table's hash depends on column names, their order, values and geometry; not on its index, nor on whether a
    column without gaps is nullable. All kinds of missing value are alike.

    Parameters
    ----------
    source : path, bytes or (Geo)DataFrame

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    SourceUnavailable
        The file cannot be read.
    """
    if isinstance(source, pd.DataFrame):
        return _frame_hash(source)
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    try:
        with Path(source).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise SourceUnavailable(f"cannot read {source}: {error.strerror}") from error


def provenance(
    process: str,
    inputs: Mapping[str, str | Path | pd.DataFrame] | None = None,
    parameters: Mapping[str, object] | None = None,
    seed: int | None = None,
    warnings: Iterable[str] = (),
) -> dict[str, object]:
    """Return the record that a result carries; it holds no clock time, so equal runs give equal bytes.

    Parameters
    ----------
    process : str
        What made the result.
    inputs : mapping
        Name of each input -> its hash (text), file (`Path`) or table; the last two are hashed here.
    parameters : mapping
        What the user chose; values that are not JSON become text.
    seed : int, optional
    warnings : iterable of str

    Returns
    -------
    dict
        Keys process, inputs (list of id, sha256), parameters, seed, warnings, versions.
    """
    if not process:
        raise InvalidInput("a provenance record needs the name of the process")
    hashed = [
        {"id": name, "sha256": source if isinstance(source, str) else content_hash(source)}
        for name, source in (inputs or {}).items()
    ]
    plain = json.loads(json.dumps(dict(parameters or {}), default=_jsonable))
    return {
        "process": process,
        "inputs": hashed,
        "parameters": plain,
        "seed": seed,
        "warnings": list(warnings),
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Return the versions of Suyuan, Python and the libraries that numbers depend on."""
    found = {"suyuan": _version("suyuan"), "python": platform.python_version()}
    found |= {name: _version(name) for name in LIBRARIES}
    return found | {"proj": pyproj.proj_version_str, "gdal": pyogrio.__gdal_version_string__}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _jsonable(value: object) -> object:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    return str(value)


def _frame_hash(frame: pd.DataFrame) -> str:
    digest = hashlib.sha256()
    for name, kind in kinds(frame).items():
        _feed(digest, f"{name}\x1f{kind}\x1f{len(frame)}".encode())
        for part in _column_bytes(frame[name], kind):
            _feed(digest, part)
    if isinstance(frame, gpd.GeoDataFrame) and frame.active_geometry_name is not None:
        for blob in shapely.to_wkb(frame.geometry.to_numpy(), byte_order=1):
            _feed(digest, blob or b"")
    return digest.hexdigest()


def _column_bytes(column: pd.Series, kind: str) -> list[bytes]:
    missing = column.isna().to_numpy()
    if kind == "str":
        texts = ["\x00" if gap else str(value) for value, gap in zip(column, missing, strict=True)]
        return ["\x1f".join(texts).encode("utf-8", "surrogatepass")]
    if kind == "time":
        ticks = column.dt.tz_convert("UTC").dt.as_unit("ms").astype("int64").to_numpy()
        return [missing.tobytes(), np.where(missing, 0, ticks).astype("<i8").tobytes()]
    dtype = {"bool": "u1", "int": "<i8", "float": "<f8"}[kind]
    return [missing.tobytes(), column.to_numpy(dtype=dtype, na_value=kind != "bool" and 0).tobytes()]


def _feed(digest: "hashlib._Hash", part: bytes) -> None:
    digest.update(len(part).to_bytes(8, "little"))
    digest.update(part)
