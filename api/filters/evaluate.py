"""A CQL2 tree over a table of features: which rows it is true of, with the logic of three values."""

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from api.filters.periods import TEMPORAL, Period, as_period, is_moment
from geo.errors import InvalidInput

# pandas' BooleanArray, true, false or unknown in each row; its stubs leave out the operators that it has.
Bools = Any
ToLonLat = Callable[[shapely.Geometry], shapely.Geometry]
GEOMETRY = "geometry"
_SPATIAL: dict[str, Callable[..., Any]] = {
    "s_intersects": shapely.intersects,
    "s_disjoint": shapely.disjoint,
    "s_equals": shapely.equals,
    "s_touches": shapely.touches,
    "s_within": shapely.within,
    "s_contains": shapely.contains,
    "s_crosses": shapely.crosses,
    "s_overlaps": shapely.overlaps,
}
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}
_MOMENTS = {"=": "t_within", "<>": "t_outside", "<": "t_before", ">": "t_after"}
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "%": np.fmod,
    "^": lambda a, b: a**b,
    "div": lambda a, b: np.trunc(a / b),
}


def matches(
    tree: Any, frame: gpd.GeoDataFrame, columns: Mapping[str, str], to_lon_lat: ToLonLat = lambda geometry: geometry
) -> npt.NDArray[np.bool_]:
    """Return of which rows a filter is true; unknown, where a value is missing, is not true.

    Parameters
    ----------
    tree : as `parse_filter` returns it.
    frame : GeoDataFrame, EPSG:4326.
    columns : the kind (str, int, float, bool, time) of each column that may be asked for.
    to_lon_lat : brings the filter's geometries to longitude, latitude.

    Raises
    ------
    InvalidInput
        A property that is not there, a function that is not known, values that cannot be compared.
    """
    truth = _Filter(frame, columns, to_lon_lat).truth(tree)
    return np.asarray(truth.to_numpy(dtype=bool, na_value=False), dtype=bool)


class _Filter:
    def __init__(self, frame: gpd.GeoDataFrame, columns: Mapping[str, str], to_lon_lat: ToLonLat) -> None:
        self.frame, self.columns, self.to_lon_lat = frame, columns, to_lon_lat

    def truth(self, node: Any) -> Bools:
        """Return true, false or unknown for each row."""
        if isinstance(node, bool):
            return _bools(np.full(len(self.frame), node))
        if isinstance(node, dict) and set(node) == {"property"}:
            return self._boolean(node)
        if not isinstance(node, dict) or "op" not in node:
            raise InvalidInput(f"filter: {_told(node)} is not true or false")
        name, args = str(node["op"]).lower(), list(node.get("args", []))
        if name in ("and", "or", "not"):
            return self._logic(name, args)
        two: dict[str, Callable[[str, Any, Any], Bools]] = {
            **dict.fromkeys(_COMPARE, self._compare),
            **dict.fromkeys(_SPATIAL, self._spatial),
            **dict.fromkeys(TEMPORAL, self._temporal),
            "like": self._like,
            "in": self._in,
        }
        if name in two and len(args) == 2:
            return two[name](name, args[0], args[1])
        if name == "isnull" and len(args) == 1:
            return _bools(self._is_null(args[0]))
        if name == "between" and len(args) == 3:
            return self._compare(">=", args[0], args[1]) & self._compare("<=", args[0], args[2])
        raise InvalidInput(f"filter: {node['op']} with {len(args)} arguments is not known here")

    def _in(self, name: str, left: Any, values: Any) -> Bools:
        found = _bools(np.zeros(len(self.frame), dtype=bool))
        for value in values if isinstance(values, list) else [values]:
            found = found | self._compare("=", left, value)
        return found

    def _logic(self, name: str, args: list[Any]) -> Bools:
        found = self.truth(args[0])
        if name == "not":
            return ~found
        for arg in args[1:]:
            found = found & self.truth(arg) if name == "and" else found | self.truth(arg)
        return found

    def _boolean(self, node: Any) -> Bools:
        column, kind = self._column(node)
        if kind != "bool":
            raise InvalidInput(f"filter: {node['property']} is not true or false; compare it with something")
        return column.astype("boolean").array

    def _compare(self, name: str, left: Any, right: Any) -> Bools:
        if self._is_time(left) or self._is_time(right):
            return self._compare_times(name, left, right)
        a, b = self._value(left), self._value(right)
        kinds = {_kind(a), _kind(b)}
        if len(kinds) > 1:
            raise InvalidInput(f"filter: {_told(left)} and {_told(right)} are of different kinds; texts stand in ''")
        result = _COMPARE[name](a, b)
        missing = _missing(a, len(self.frame)) | _missing(b, len(self.frame))
        truth = np.broadcast_to(np.asarray(_plain(result), dtype=bool), len(self.frame))
        return pd.arrays.BooleanArray(truth.copy(), missing.copy())

    def _compare_times(self, name: str, left: Any, right: Any) -> Bools:
        if name in _MOMENTS:
            return self._temporal(_MOMENTS[name], left, right)
        opposite = self._temporal("t_after" if name == "<=" else "t_before", left, right)
        return ~opposite

    def _temporal(self, name: str, left: Any, right: Any) -> Bools:
        a, b = self._period(left), self._period(right)
        truth, missing = TEMPORAL[name](a, b), a.missing | b.missing
        shape = len(self.frame)
        return pd.arrays.BooleanArray(np.broadcast_to(truth, shape).copy(), np.broadcast_to(missing, shape).copy())

    def _period(self, node: Any) -> Period:
        if isinstance(node, dict) and set(node) == {"property"}:
            column, kind = self._column(node)
            if kind != "time":
                raise InvalidInput(f"filter: {node['property']} is no time")
            return Period.of(column)
        if (
            isinstance(node, dict)
            and set(node) == {"interval"}
            and any(isinstance(end, dict) for end in node["interval"])
        ):
            start, end = (
                as_period(part) if not isinstance(part, dict) else self._period(part) for part in node["interval"]
            )
            return Period(start.start, end.end, start.missing | end.missing)
        return as_period(node)

    def _is_time(self, node: Any) -> bool:
        if isinstance(node, dict) and set(node) == {"property"}:
            return self.columns.get(str(node["property"])) == "time"
        return is_moment(node)

    def _spatial(self, name: str, left: Any, right: Any) -> Bools:
        a, b = self._geometry(left), self._geometry(right)
        for one in (a, b):
            if isinstance(one, shapely.Geometry):
                shapely.prepare(one)
        truth = np.broadcast_to(_SPATIAL[name](a, b), len(self.frame))
        missing = np.zeros(len(self.frame), dtype=bool)
        for one in (a, b):
            if not isinstance(one, shapely.Geometry):
                missing |= shapely.is_missing(one)
        return pd.arrays.BooleanArray(truth.copy(), missing)

    def _geometry(self, node: Any) -> Any:
        if isinstance(node, dict) and set(node) == {"property"}:
            if node["property"] != GEOMETRY:
                raise InvalidInput(f"filter: {node['property']} is no geometry; the geometry is called {GEOMETRY}")
            return self.frame.geometry.to_numpy()
        try:
            if isinstance(node, dict) and set(node) == {"bbox"}:
                numbers = [float(number) for number in node["bbox"]]
                found: shapely.Geometry = shapely.box(
                    *(numbers if len(numbers) == 4 else (*numbers[:2], *numbers[3:5]))
                )
            else:
                found = shapely.from_geojson(json.dumps(node))
        except (TypeError, ValueError, shapely.errors.GEOSException) as error:
            raise InvalidInput(f"filter: {_told(node)} is no geometry") from error
        if not shapely.is_valid(found) or not np.isfinite(shapely.get_coordinates(found)).all():
            raise InvalidInput(f"filter: {_told(node)}: {shapely.is_valid_reason(found)}")
        return self.to_lon_lat(found)

    def _is_null(self, node: Any) -> npt.NDArray[np.bool_]:
        if isinstance(node, dict) and node == {"property": GEOMETRY}:
            return np.asarray(self.frame.geometry.isna(), dtype=bool)
        return _missing(self._value(node), len(self.frame))

    def _like(self, name: str, left: Any, pattern: Any) -> Bools:
        values, text = self._value(left), self._value(pattern)
        if not isinstance(text, str) or _kind(values) != "text":
            raise InvalidInput(f"filter: {_told(left)} LIKE {_told(pattern)}: LIKE compares a text with a pattern")
        wanted = re.compile(_as_regex(text), re.DOTALL)
        if isinstance(values, str):
            return _bools(np.full(len(self.frame), wanted.fullmatch(values) is not None))
        missing = _missing(values, len(self.frame))
        truth = [not gone and wanted.fullmatch(value) is not None for value, gone in zip(values, missing, strict=True)]
        return pd.arrays.BooleanArray(np.array(truth, dtype=bool), missing)

    def _value(self, node: Any) -> Any:
        """Return a number, text or truth value, one or a column of them."""
        if isinstance(node, bool | int | float | str):
            return node
        if isinstance(node, dict) and set(node) == {"property"}:
            return self._column(node)[0]
        if isinstance(node, dict) and "op" in node:
            name, args = str(node["op"]).lower(), [self._value(arg) for arg in node.get("args", [])]
            if name in ("casei", "accenti") and len(args) == 1 and _kind(args[0]) == "text":
                return _each(_without_case if name == "casei" else _without_accents, args[0])
            if name in _ARITHMETIC and len(args) == 2 and _kind(args[0]) == _kind(args[1]) == "number":
                with np.errstate(all="ignore"):
                    return _ARITHMETIC[name](*(_floats(arg) for arg in args))
        raise InvalidInput(f"filter: {_told(node)} is not known here")

    def _column(self, node: Mapping[str, Any]) -> tuple[pd.Series, str]:
        name = str(node["property"])
        if name not in self.columns:
            there = ", ".join([*self.columns, GEOMETRY])
            raise InvalidInput(f"filter: there is no property {name!r}; the queryables are {there}")
        return self.frame[name], self.columns[name]


def _bools(values: npt.NDArray[np.bool_]) -> Bools:
    return pd.arrays.BooleanArray(np.asarray(values, dtype=bool).copy(), np.zeros(len(values), dtype=bool))


def _plain(result: Any) -> Any:
    if isinstance(result, pd.Series):
        return result.fillna(False).to_numpy(dtype=bool)
    return result


def _missing(value: Any, length: int) -> npt.NDArray[np.bool_]:
    if isinstance(value, pd.Series):
        return value.isna().to_numpy(dtype=bool)
    if isinstance(value, np.ndarray):
        return np.isnan(value)
    return np.zeros(length, dtype=bool)


def _kind(value: Any) -> str:
    if isinstance(value, pd.Series):
        if pd.api.types.is_bool_dtype(value.dtype):
            return "truth"
        return "number" if pd.api.types.is_numeric_dtype(value.dtype) else "text"
    if isinstance(value, bool | np.bool_):
        return "truth"
    return "text" if isinstance(value, str) else "number"


def _floats(value: Any) -> Any:
    return value.to_numpy(dtype=float, na_value=np.nan) if isinstance(value, pd.Series) else value


def _each(change: Callable[[str], str], value: Any) -> Any:
    return change(value) if isinstance(value, str) else value.map(change, na_action="ignore")


def _without_case(text: str) -> str:
    return text.casefold()


def _without_accents(text: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFD", text) if not unicodedata.combining(letter))


def _as_regex(pattern: str) -> str:
    """Return the regular expression of a LIKE pattern: % any text, _ one letter, a backslash before either."""
    parts, letters = [], iter(pattern)
    for letter in letters:
        if letter == "\\":
            parts.append(re.escape(next(letters, "\\")))
        else:
            parts.append({"%": ".*", "_": "."}.get(letter, re.escape(letter)))
    return "".join(parts)


def _told(node: Any) -> str:
    if isinstance(node, dict) and set(node) == {"property"}:
        return str(node["property"])
    return json.dumps(node, ensure_ascii=False)[:80]
