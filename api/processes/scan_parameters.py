"""A SaTScan parameter file as the inputs of a scan."""

from datetime import date, timedelta
from pathlib import Path, PureWindowsPath
from typing import Any

from geo.errors import InvalidInput
from layers.satscan import read_parameters

_MODELS = {"0": "poisson", "1": "bernoulli", "2": "space-time-permutation"}
_STEPS = {"1": "year", "2": "month", "3": "day", "4": "generic"}
_ANALYSES = ("1", "3", "4")
_PENALTIES = {"0": "none", "1": "medium", "2": "strong"}
# What else changes a study: the value at which it does not, and what it is.
_LEFT_ALONE = {
    "scanareas": ("1", "a scan for low rates"),
    "includepurelytemporal": ("n", "purely temporal clusters"),
    "includepurelyspatial": ("n", "purely spatial clusters in a scan in time"),
    "usegridfile": ("n", "a grid file"),
    "usemaxcirclepopulationfileoption": ("n", "a file of the largest circles"),
    "useneighborsfile": ("n", "a file of neighbours"),
    "usemetalocationsfile": ("n", "meta locations"),
    "uselocationsnetworkfile": ("n", "a network file"),
    "isotonicscan": ("0", "an isotonic scan"),
    "minimumtemporalclustersize": ("1", "a shortest cluster"),
    "minimumcasesinhighrateclusters": ("2", "another smallest number of cases"),
    "timetrendadjustmenttype": ("0", "an adjustment of the time trend"),
    "adjustforweeklytrends": ("n", "an adjustment by the day of the week"),
    "spatialadjustmenttype": ("0", "a spatial adjustment"),
    "useadjustmentsbyrrfile": ("n", "known relative risks"),
    "adjustforearlieranalyses": ("n", "an adjustment for earlier analyses"),
    "iterativescan": ("n", "an iterative scan"),
    "criteriaforreportingsecondaryclusters": ("0", "secondary clusters that overlap"),
    "usereportonlysmallerclusters": ("n", "a largest cluster that is reported"),
}


def parameters_of(path: Path, named: str) -> dict[str, Any]:
    """Return the inputs of a scan that a parameter file names.

    Parameters
    ----------
    path : Path
        The file.
    named : str
        How the user named it; the data files lie beside it.

    Raises
    ------
    InvalidInput
        An analysis, a model or a setting that this scan does not have.
    """
    told = read_parameters(path)
    for name, (plain, what) in _LEFT_ALONE.items():
        if told.get(name, plain).lower() not in (plain, ""):
            raise InvalidInput(f"{path.name}: {name}={told[name]} asks for {what}, which this scan does not have")
    analysis, model = told.get("analysistype", "1"), told.get("modeltype", "0")
    if analysis not in _ANALYSES or model not in _MODELS:
        raise InvalidInput(
            f"{path.name}: AnalysisType={analysis}, ModelType={model}: this scan is purely spatial (1), retrospective "
            "(3) or prospective (4), Poisson (0), Bernoulli (1) or space-time permutation (2)"
        )
    found: dict[str, Any] = {
        "cases": "cases",
        "id": "id",
        "model": _MODELS[model],
        "max_share": _number(told, "maxspatialsizeinpopulationatrisk", 50.0) / 100.0,
        "replications": int(_number(told, "montecarloreps", 999.0)),
        "prospective": analysis == "4",
        **_files(told, Path(named).parent),
    }
    if told.get("coordinatestype", "1") == "0":
        found["cartesian"] = "x,y"
    if told.get("usedistancefromcenteroption", "n").lower() == "y":
        found["max_radius_km"] = _number(told, "maxspatialsizeindistancefromcenter", 1.0)
    if told.get("spatialwindowshapetype", "0") == "1":
        found |= {"shape": "ellipse", "penalty": _PENALTIES.get(told.get("noncompactnesspenalty", "1"), "medium")}
    if told.get("pvaluereporttype", "0") == "2":
        found["stop_after"] = int(_number(told, "earlyterminationthreshold", 50.0))
    return found | (_times(told, path.name) if analysis != "1" else {"time": None})


def _files(told: dict[str, str], folder: Path) -> dict[str, str]:
    names = {"file": "casefile", "controls": "controlfile", "population": "populationfile", "places": "coordinatesfile"}
    given = {name: PureWindowsPath(told.get(key, "")).name for name, key in names.items()}
    return {name: str(folder / file) for name, file in given.items() if file}


def _times(told: dict[str, str], file: str) -> dict[str, Any]:
    precision, unit = told.get("precisioncasetimes", "1"), told.get("timeaggregationunits", "1")
    if precision not in _STEPS or unit not in _STEPS or (precision == "4") != (unit == "4"):
        raise InvalidInput(f"{file}: PrecisionCaseTimes={precision} and TimeAggregationUnits={unit} do not go together")
    step, length = _STEPS[unit], int(_number(told, "timeaggregationlength", 1.0))
    found: dict[str, Any] = {"time": "time", "step": step, "step_length": length}
    for name, key, last in (("start", "startdate", False), ("end", "enddate", True)):
        if told.get(key):
            found[name] = _day(told[key], file, generic=step == "generic", last=last)
    largest = _number(told, "maxtemporalsize", 50.0)
    if told.get("maxtemporalsizeinterpretation", "0") == "1":
        days = {"year": 365.2425, "month": 365.2425 / 12.0, "day": 1.0, "generic": 1.0}[step]
        found["max_days"] = largest * days
    else:
        found["max_time_share"] = largest / 100.0
    return found


def _day(text: str, file: str, *, generic: bool, last: bool) -> date:
    try:
        if generic:
            return date(1970, 1, 1) + timedelta(days=int(text))
        parts = [int(part) for part in text.replace("-", "/").split("/")]
        if len(parts) == 3:
            return date(*parts)
        month = parts[1] if len(parts) == 2 else (12 if last else 1)
        return date(parts[0], month, 1)
    except (ValueError, OverflowError, TypeError) as error:
        raise InvalidInput(f"{file}: {text!r} is no date; write 2001/11/24") from error


def _number(told: dict[str, str], name: str, default: float) -> float:
    try:
        return float(told.get(name) or default)
    except ValueError as error:
        raise InvalidInput(f"{name}={told[name]} is not a number") from error
