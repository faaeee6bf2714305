"""Hazardous substances and their threat levels: a sourced table that users extend, and unit conversion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from importlib.resources import as_file, files
from pathlib import Path

from geo.errors import InvalidInput
from layers.tables import read_table

GAS_CONSTANT = 8.314462618
# Stands in the source of a number that nobody has yet held against its document; whoever does takes it out.
UNCHECKED = "not yet checked against the document"
# Stands in the source of a number that was held against a copy of its document; the source names the copy.
COPY = "read in a copy"
SCHEMES = ("hj169", "aegl", "erpg", "pac")
_COLUMNS = ("name", "molar_mass_g_mol", "scheme", "level", "value", "unit", "source")
_UNITS = ("mg/m3", "ppm")
# HJ 169 counts downwards: end point 1 is the graver one.
_GRAVEST_FIRST = {"hj169": (1, 2), "aegl": (3, 2, 1), "erpg": (3, 2, 1), "pac": (3, 2, 1)}
_TITLES = {"aegl": "AEGL-{level}（{minutes} min）", "erpg": "ERPG-{level}", "pac": "PAC-{level}"}


@dataclass(frozen=True)
class Threshold:
    """One level of concern of a substance; `value` is in `unit` ("mg/m3" or "ppm") as its source states it."""

    scheme: str
    level: int
    minutes: int | None
    value: float
    unit: str
    source: str

    @property
    def title_zh(self) -> str:
        """The level's name in Chinese."""
        if self.scheme == "hj169":
            return f"毒性终点浓度-{self.level}"
        return _TITLES[self.scheme].format(level=self.level, minutes=self.minutes)

    @property
    def title_en(self) -> str:
        """The level's name in English."""
        if self.scheme == "hj169":
            return f"HJ 169 end point {self.level}"
        return self.title_zh.replace("（", " (").replace("）", ")")

    @property
    def severity(self) -> str:
        """One of high, medium, low: how grave the effects at this level are."""
        return ("high", "medium", "low")[_GRAVEST_FIRST[self.scheme].index(self.level)]


@dataclass(frozen=True)
class Substance:
    """A substance: names, molar mass (g/mol), whether it is kept as liquefied gas, and its threat levels."""

    name: str
    name_zh: str
    synonyms: tuple[str, ...]
    cas: str
    molar_mass: float
    liquefied: bool
    thresholds: tuple[Threshold, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All that it is known by."""
        return tuple(text for text in (self.name, self.name_zh, self.cas, *self.synonyms) if text)

    def levels(self, scheme: str, *, minutes: int = 60) -> tuple[Threshold, ...]:
        """Return the levels of a scheme, the gravest first; AEGL of the duration next above `minutes`, or the longest.

        The next longer duration has the lower level: it errs on the safe side.
        """
        found = [item for item in self.thresholds if item.scheme == scheme]
        if scheme == "aegl" and found:
            durations = sorted({item.minutes or 0 for item in found})
            chosen = next((duration for duration in durations if duration >= minutes), durations[-1])
            found = [item for item in found if item.minutes == chosen]
        return tuple(sorted(found, key=lambda item: _GRAVEST_FIRST[scheme].index(item.level)))


def mg_m3_from_ppm(ppm: float, molar_mass: float, *, temperature_c: float, pressure_hpa: float) -> float:
    """Convert a volume mixing ratio (ppm) to a mass concentration (mg/m3) by the ideal gas law."""
    return ppm * 1e-6 * gas_density(molar_mass, temperature_c=temperature_c, pressure_hpa=pressure_hpa) * 1e6


def ppm_from_mg_m3(mg_m3: float, molar_mass: float, *, temperature_c: float, pressure_hpa: float) -> float:
    """Convert a mass concentration (mg/m3) to a volume mixing ratio (ppm) by the ideal gas law."""
    return mg_m3 / gas_density(molar_mass, temperature_c=temperature_c, pressure_hpa=pressure_hpa)


def gas_density(molar_mass: float, *, temperature_c: float, pressure_hpa: float) -> float:
    """Return the density (kg/m3) of an ideal gas of molar mass g/mol.

    Raises
    ------
    InvalidInput
        A temperature or pressure that no city has.
    """
    if not -60.0 <= temperature_c <= 60.0:
        raise InvalidInput(f"temperature {temperature_c:g} °C: give the air temperature, -60 to 60 °C")
    if not 500.0 <= pressure_hpa <= 1100.0:
        raise InvalidInput(f"pressure {pressure_hpa:g} hPa: give the air pressure, 500 to 1100 hPa")
    return pressure_hpa * 100.0 * molar_mass / 1000.0 / (GAS_CONSTANT * (temperature_c + 273.15))


def load_substances(extra: Sequence[Path] = ()) -> dict[str, Substance]:
    """Read the built-in table and the user's own, which come first.

    A substance of the user's takes the place of those known by one of its names (name, Chinese name, formula, synonym,
    CAS number), and answers to all of their names: no built-in level may come back by another name.

    Raises
    ------
    InvalidInput
        A column is missing, or a value is impossible; the message names the file and the row.
    """
    with as_file(files("layers") / "substances.csv") as built_in:
        known = _read(built_in)
    for path in extra:
        known = _before(_read(path), known)
    return known


def _before(own: dict[str, Substance], known: dict[str, Substance]) -> dict[str, Substance]:
    rest, found = dict(known), {}
    for name, one in own.items():
        same = [key for key, other in rest.items() if _folded(one) & _folded(other)]
        for other in (rest.pop(key) for key in same):
            one = replace(one, name_zh=one.name_zh or other.name_zh)
            more = tuple(text for text in other.names if text.casefold() not in _folded(one))
            one = replace(one, synonyms=one.synonyms + more)
        found[name] = one
    return found | rest


def _folded(substance: Substance) -> set[str]:
    return {text.casefold() for text in substance.names}


def find_substance(name: str, known: dict[str, Substance]) -> Substance:
    """Return a substance by its English or Chinese name, formula, synonym or CAS number.

    Raises
    ------
    InvalidInput
        It is not known; the message lists those that are.
    """
    wanted = name.strip().casefold()
    for substance in known.values():
        if wanted in _folded(substance):
            return substance
    listed = ", ".join(_both(item) for item in known.values())
    near = ", ".join(_both(item) for item in _near(wanted, known))
    if near:
        raise InvalidInput(
            f"unknown substance {name!r}: did you mean {near}? Known are {listed}; add your own with --substances FILE"
        )
    raise InvalidInput(f"unknown substance {name!r}; known are {listed}; add your own with --substances FILE")


def _both(substance: Substance) -> str:
    return f"{substance.name} ({substance.name_zh})" if substance.name_zh else substance.name


def _near(wanted: str, known: dict[str, Substance]) -> list[Substance]:
    """Return the substances with a name like this one, the likest first."""
    owners = {text: substance for substance in known.values() for text in _folded(substance)}
    return list({owners[text].name: owners[text] for text in get_close_matches(wanted, owners, cutoff=0.65)}.values())


def _read(path: Path) -> dict[str, Substance]:
    table = read_table(path)
    missing = [name for name in _COLUMNS if name not in table.columns]
    if missing:
        raise InvalidInput(f"{path.name}: no column {', '.join(missing)}; a table of substances needs it")
    rows = table.astype("str").where(table.notna(), "")
    groups: dict[str, list[dict[str, str]]] = {}
    for row in rows.to_dict(orient="records"):
        plain = {str(column): str(value) for column, value in row.items()}
        groups.setdefault(plain["name"], []).append(plain)
    return {name: _substance(group, path) for name, group in groups.items()}


def _substance(group: Sequence[Mapping[str, str]], path: Path) -> Substance:
    first = group[0]

    def text(column: str) -> str:
        return first.get(column, "").strip()

    where = f"{path.name}, {text('name')}"
    thresholds = tuple(_threshold(row, where) for row in group if row["scheme"])
    _refuse_twice(thresholds, where)
    told = [row["molar_mass_g_mol"] for row in group if row["molar_mass_g_mol"].strip()] or [""]
    masses = list(dict.fromkeys(_number(text, f"{where}: molar_mass_g_mol") for text in told))
    if len(masses) > 1:
        raise InvalidInput(f"{where}: molar_mass_g_mol is {masses[0]:g} and {masses[1]:g}; give one")
    return Substance(
        name=text("name"),
        name_zh=text("name_zh"),
        synonyms=tuple(part.strip() for part in (*text("synonyms").split(";"), text("formula")) if part.strip()),
        cas=text("cas"),
        molar_mass=masses[0],
        liquefied=text("liquefied") == "yes",
        thresholds=thresholds,
    )


def _refuse_twice(thresholds: Sequence[Threshold], where: str) -> None:
    seen = set()
    for one in thresholds:
        if (one.scheme, one.level, one.minutes) in seen:
            raise InvalidInput(f"{where}: {one.title_en} stands there twice; keep one")
        seen.add((one.scheme, one.level, one.minutes))


def _threshold(row: Mapping[str, str], where: str) -> Threshold:
    scheme, unit = row["scheme"].strip().lower(), row["unit"].strip()
    if scheme not in SCHEMES:
        raise InvalidInput(f"{where}: scheme {scheme!r}; use one of {', '.join(SCHEMES)}")
    level = int(_number(row["level"], f"{where}: level"))
    if level not in _GRAVEST_FIRST[scheme]:
        raise InvalidInput(f"{where}: {scheme} has no level {level}")
    if unit not in _UNITS:
        raise InvalidInput(f"{where}: unit {unit!r}; use one of {', '.join(_UNITS)}")
    duration = row.get("duration_min", "").strip()
    minutes = int(_number(duration, f"{where}: duration_min")) if duration else None
    return Threshold(scheme, level, minutes, _number(row["value"], f"{where}: value"), unit, row["source"])


def _number(value: object, where: str) -> float:
    try:
        number = float(str(value))
    except ValueError:
        number = float("nan")
    if not 0.0 < number < float("inf"):
        raise InvalidInput(f"{where} {value!r}: give a number above 0")
    return number
