"""Layers and observations out of the workspace into files; a layer with what it was made from."""

from datetime import date
from pathlib import Path

from geo.errors import MissingData
from layers.periods import iso_day
from layers.store import Workspace
from layers.times import CITY_ZONE
from layers.writers import write_table, write_vector


def export_layer(workspace: Workspace, layer: str, path: str | Path, *, at: str | date | None = None) -> list[Path]:
    """Write a layer to a file of the kind that its extension names.

    Parameters
    ----------
    workspace : Workspace
    layer : str
    path : path
        As in `layers.files.write_vector`.
    at : date or str, optional
        Only what is valid on this day, as in `Workspace.read`.

    Returns
    -------
    list of Path
        The files written, the one asked for first.

    Raises
    ------
    UnknownLayer, InvalidInput, SourceUnavailable
        No such layer, an extension that cannot be written, a file that cannot be written.
    """
    workspace.require()
    with workspace.transaction():
        record = workspace.record(layer)
        frame = workspace.read(layer, at=at)
    about = {
        "layer": record.id,
        "title_zh": record.title_zh,
        "title_en": record.title_en,
        "synthetic": record.synthetic,
        "note_zh": record.note_zh,
        "note_en": record.note_en,
        "content_sha256": record.content_hash,
    }
    if at is not None:
        about["valid_on"] = iso_day(at)
    return write_vector(frame, path, {**about, **record.provenance})


def export_observations(workspace: Workspace, path: str | Path, *, period: str | None = None) -> int:
    """Write all observations to a ``.csv`` or ``.xlsx`` file that `read_observations` takes back.

    Columns station_id, time (UTC, ISO 8601) or, of daily values, date (the city's day), pollutant, value, unit, flag.

    Parameters
    ----------
    workspace : Workspace
    path : path
    period : str, optional
        "hourly" or "daily"; by default hourly, and daily where nothing else is held.

    Returns
    -------
    int
        How many values were written.

    Raises
    ------
    MissingData
        The workspace holds no observations.
    InvalidInput, SourceUnavailable
        There is no workspace; another extension; the file cannot be written.
    """
    workspace.require()
    with workspace.transaction():
        daily = period == "daily" or (period is None and not workspace.observations.months())
        table = (workspace.daily if daily else workspace.observations).read()
    if table.empty:
        where = workspace.place if period is None else f"{workspace.place} ({period})"
        raise MissingData(f"no observations in {where}; add some with `suyuan observations add FILE`")
    if daily:
        days = table["time"].dt.tz_convert(CITY_ZONE).dt.strftime("%Y-%m-%d")
        table = table.assign(time=days).rename(columns={"time": "date"})
    write_table(table, path)
    return len(table)
