"""Rebuild the sample data: ``python -m data_samples.make --output DIR``. The same code gives the same bytes."""

import argparse
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data_samples import domain, episode, facts, files, fires, folder, ledgers, weather
from data_samples.facts import Boundaries
from tracing.met.arl_write import as_written, write_arl

logger = logging.getLogger(__name__)

SEED = 20211018
# 48 h before the episode and the three-hourly times around it (UTC).
MET_START, MET_END, MET_STEP = "2021-10-15T15:00", "2021-10-22T18:00", "3h"
FACTS = {
    *("districts.geojson", "region.geojson", "targets_2021.csv", "stations.csv", "power_plants.csv"),
    "chp_units.geojson",
}
SYNTHETIC = {
    "synthetic": True,
    "about_zh": "模拟演练数据，不是真实台账或监测结果",
    "about_en": "synthetic practice data, not a real ledger or measurement",
}


@dataclass
class _Build:
    """What is being built: where to, from which boundaries, and the files written so far."""

    folder: Path
    known: Boundaries
    names: list[str] = field(default_factory=list)

    def path(self, name: str) -> Path:
        self.names.append(name)
        return self.folder / name

    def rng(self, room: str) -> np.random.Generator:
        """Return the random numbers of one part: a change in one does not move the others."""
        return np.random.default_rng([SEED, *room.encode()])


def build(output: Path) -> dict[str, dict[str, Any]]:
    """Write all sample files into a folder and return the manifest.

    Parameters
    ----------
    output : folder, made where it is missing

    Returns
    -------
    dict
        File name -> size in bytes, SHA-256 and whether the file is synthetic.

    Raises
    ------
    SourceUnavailable
        If the package with the boundaries is not installed.
    """
    output.mkdir(parents=True, exist_ok=True)
    made = _Build(output, facts.boundaries())
    _facts(made)
    edges = _ledgers(made)
    _fires(made)
    _episode(made, edges)
    listed = files.manifest(output, made.names)
    for name, entry in listed.items():
        entry["synthetic"] = name not in FACTS
    files.write_json(output / files.MANIFEST, {"seed": SEED, "files": listed})
    return listed


def _facts(made: _Build) -> None:
    about = {"synthetic": False, "source": facts.BOUNDARY_SOURCE, "datum": "WGS 84"}
    files.write_geojson(made.path("districts.geojson"), facts.districts(made.known), about, decimals=facts.DECIMALS)
    about = {"synthetic": False, "source": facts.REGION_SOURCE, "datum": "CGCS2000", "simplified": True}
    files.write_geojson(made.path("region.geojson"), facts.region(made.known), about, decimals=3)
    target_rows = facts.targets()
    files.write_csv(made.path("targets_2021.csv"), _columns(target_rows), target_rows)
    station_rows = facts.stations(made.known)
    files.write_csv(made.path("stations.csv"), _columns(station_rows), station_rows)
    plant_rows = [{str(k): v for k, v in row.items()} for row in facts.plants().to_dict("records")]
    files.write_csv(made.path("power_plants.csv"), _columns(plant_rows), plant_rows)
    about = {"synthetic": False, "source": facts.PLANT_SOURCE, "datum": "WGS 84"}
    files.write_geojson(made.path("chp_units.geojson"), facts.chp_units(), about)


def _ledgers(made: _Build) -> list[dict[str, Any]]:
    boilers, edges = ledgers.boilers(made.known, made.rng("boilers"))
    files.write_csv(made.path("boilers.csv"), _columns(boilers), boilers)
    for name, make in (("parks", ledgers.parks), ("construction_sites", ledgers.sites)):
        features = make(made.known, made.rng(name))
        files.write_geojson(made.path(f"{name}.geojson"), features, SYNTHETIC, decimals=7)
    micro = ledgers.micro_stations(made.known, made.rng("micro_stations"))
    files.write_csv(made.path("micro_stations.csv"), _columns(micro), micro)
    return edges


def _fires(made: _Build) -> None:
    rows = fires.points(made.known, made.rng("fires"), episode.STRAW_PLACES)
    files.write_csv(made.path("fire_points.csv"), fires.FIRMS_COLUMNS, rows)
    mask, tags = fires.scene(made.known, rows)
    corner = (fires.SCENE_WEST, fires.SCENE_NORTH, fires.SCENE_STEP)
    files.write_mask(made.path("fire_mask_20211020T0500Z.tif"), mask, corner, tags)


def _episode(made: _Build, edges: list[dict[str, Any]]) -> None:
    times = pd.date_range(MET_START, MET_END, freq=MET_STEP, tz="UTC")
    met = weather.make(domain.make(made.known.land), times)
    write_arl(made.path("practice_met.arl"), met)
    network = _network(made)
    added = episode.planted(as_written(met), network)
    without = episode.background(network, made.rng("background"))
    values = without + sum(added.values())
    rows = episode.observations(network, values, made.rng("lost"))
    files.write_csv(made.path("observations.csv"), _columns(rows), rows)
    station, pollutant, start, count = episode.STUCK
    content = {
        **SYNTHETIC,
        "hour_means": "an hour is named by its start, city's time (UTC+8)",
        "units": "ug/m3, CO mg/m3; a station counts as reached where PM2.5 gains 10 ug/m3 or more",
        "sources": episode.truth(network, added, without),
        "stuck_instrument": {"station_id": station, "pollutant": pollutant, "from": f"{start}+08:00", "hours": count},
        "boilers_near_zone_edges": edges,
    }
    files.write_json(made.path("planted_truth.json"), content)


def _network(made: _Build) -> episode.Network:
    """Return the stations that report: national ones in use, then micro stations as they stand in the file."""
    places = [(id_, lon, lat) for id_, _, lon, lat in facts.active_stations()]
    micro = ledgers.micro_stations(made.known, made.rng("micro_stations"))
    places += [(row["id"], row["lon"], row["lat"]) for row in micro]
    ids, lon, lat = zip(*places, strict=True)
    is_micro = np.arange(len(ids)) >= len(ids) - len(micro)
    return episode.Network(ids, np.array(lon), np.array(lat), is_micro)


def _columns(rows: Sequence[dict[str, Any]]) -> list[str]:
    return list(rows[0])


def main(arguments: Sequence[str] | None = None, *, run: Callable[[Path], dict[str, Any]] = build) -> int:
    """Rebuild the sample data from the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m data_samples.make", description=__doc__)
    parser.add_argument("--output", type=Path, default=folder(), help="folder to write to (default: data_samples)")
    output = parser.parse_args(arguments).output
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for name, entry in run(output).items():
        logger.info("%10d  %s", entry["bytes"], output / name)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
