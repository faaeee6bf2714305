"""What a layer holds: its fields with titles in Chinese and English, types, units, ranges and accepted spellings."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from geo.errors import InvalidInput

DType = Literal["str", "int", "float", "bool", "time", "date"]

_BRACKETS = re.compile(r"[(\[{<【〔][^)\]}>】〕]*[)\]}>】〕]?")
_NOT_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Choice:
    """One value that a field may take, with its titles and the other ways in which people write it."""

    value: str
    title_zh: str
    title_en: str
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Field:
    """One column of a layer.

    `units` maps a unit that a header may give in brackets to the factor that turns it into `unit`
    (``{"万千瓦": 10.0}`` for MW). `minimum` and `maximum` are inclusive.
    """

    name: str
    title_zh: str
    title_en: str
    dtype: DType
    unit: str | None = None
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Choice, ...] | None = None
    synonyms: tuple[str, ...] = ()
    units: Mapping[str, float] = field(default_factory=dict)

    def choice_keys(self) -> dict[str, str]:
        """Return each accepted spelling, normalised with `key`, and the value that it stands for."""
        found: dict[str, str] = {}
        for choice in self.choices or ():
            for text in (choice.value, choice.title_zh, choice.title_en, *choice.synonyms):
                found[key(text)] = choice.value
        return found


@dataclass(frozen=True)
class LayerSchema:
    """One kind of layer.

    `geometry` is "point", "line", "polygon", "point_or_polygon" or "any". `identity` names the columns that
    tell one feature from another. A `free` schema is a result that brings columns of its own.
    """

    id: str
    title_zh: str
    title_en: str
    geometry: str
    fields: tuple[Field, ...]
    kind: str = "vector"
    derived: bool = False
    time_field: str | None = None
    identity: tuple[str, ...] = ()
    free: bool = False

    @property
    def placed(self) -> bool:
        """Whether its points belong into the city: ledgers and mobile runs, not satellite data or boundaries."""
        return self.id not in ("districts", "region", "fire_points", "fire_rasters") and not self.derived

    @property
    def names(self) -> tuple[str, ...]:
        """Return the canonical column names in order."""
        return tuple(f.name for f in self.fields)

    def field(self, name: str) -> Field:
        """Return the field with this canonical name.

        Raises
        ------
        InvalidInput
            The layer has no such field.
        """
        for candidate in self.fields:
            if candidate.name == name:
                return candidate
        raise InvalidInput(f"layer {self.id} has no field {name!r}; its fields are {', '.join(self.names)}")


def key(text: str) -> str:
    """Return a header or value without case, width, spaces and punctuation, for comparison."""
    folded = _NOT_WORD.sub("", unicodedata.normalize("NFKC", str(text)).casefold())
    return folded or unicodedata.normalize("NFKC", str(text)).strip()


def split_unit(header: str) -> tuple[str, str | None]:
    """Split "容量（蒸吨/小时）" into ("容量", "蒸吨/小时"); the second is None without brackets."""
    text = unicodedata.normalize("NFKC", str(header)).strip()
    match = _BRACKETS.search(text)
    if match is None:
        return text, None
    name = (text[: match.start()] + text[match.end() :]).strip()
    return (name, match.group()[1:].rstrip(")]}>】〕").strip()) if name else (text, None)


def match_headers(headers: Iterable[str], schema: LayerSchema) -> dict[str, tuple[str, float, str | None]]:
    """Find the column of each field.

    Parameters
    ----------
    headers : iterable of str
        The file's column names.
    schema : LayerSchema

    Returns
    -------
    dict
        Canonical name -> (header, factor to the field's unit, unit in brackets that is not known or None).
        A header equal to the canonical name goes before a title, a title before a synonym; names cut to the ten
        characters of a Shapefile are recognised.
    """
    columns = list(headers)
    found: dict[str, tuple[str, float, str | None]] = {}
    used: set[str] = set()
    for names_of in (_canonical, _titles, _synonyms, _shapefile):
        for target in schema.fields:
            if target.name in found:
                continue
            header = _first(columns, used, names_of(target, schema))
            if header is not None:
                used.add(header)
                found[target.name] = (header, *_factor(header, target))
    return found


def _first(columns: list[str], used: set[str], wanted: set[str]) -> str | None:
    for header in columns:
        if header not in used and (key(header) in wanted or key(split_unit(header)[0]) in wanted):
            return header
    return None


def _factor(header: str, target: Field) -> tuple[float, str | None]:
    unit = split_unit(header)[1]
    if unit is None or target.dtype not in ("float", "int"):
        return 1.0, None
    factors = {key(name): factor for name, factor in target.units.items()}
    if target.unit:
        factors[key(target.unit)] = 1.0
    factor = factors.get(key(unit))
    return (1.0, unit) if factor is None else (factor, None)


def _canonical(target: Field, schema: LayerSchema) -> set[str]:
    return {key(target.name)}


def _titles(target: Field, schema: LayerSchema) -> set[str]:
    return {key(target.title_zh), key(target.title_en)}


def _synonyms(target: Field, schema: LayerSchema) -> set[str]:
    return {key(text) for text in target.synonyms}


def _shapefile(target: Field, schema: LayerSchema) -> set[str]:
    cut = target.name[:10]
    alone = sum(name.startswith(cut) for name in schema.names) == 1
    return {key(cut)} if len(target.name) > 10 and alone else set()
