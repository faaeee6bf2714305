"""The shared store: layers and lists in PostGIS, files behind a URL."""

import json
import re
import secrets
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import geopandas as gpd
import psycopg
import shapely
from psycopg import sql
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateTable

from geo.errors import InvalidInput, SourceUnavailable
from layers.backend import FOLDERS, Change
from layers.periods import valid_tests
from layers.postgis_lock import LOCK_SECONDS, writer_lock
from layers.postgis_tables import FID, GEOMETRY, column_names, copy_in, index_name, layer_table, to_frame
from layers.records import LayerRecord, Selection, from_row, to_row
from layers.store_files import Files
from layers.store_register import Register
from layers.versions import Version, row_version, version_row

_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_RECORDS = ", ".join(f'"{f.name}"' for f in fields(LayerRecord))
_VERSIONS = ", ".join(f'"{f.name}"' for f in fields(Version))
# What is said of an error, by the class or code that PostgreSQL gives it.
_HINTS = {
    "53100": "the database's disk is full; nothing was changed",
    "55P03": "another program is writing or holds the layer open; try again when it is done",
    "57": "the database stopped the work; nothing was changed, try again",
    "0A000": "install PostGIS on the database server, on Debian: apt-get install postgresql-postgis",
    "42501": "the database user may not do this; ask for the right to create tables in the schema",
    "28": "check user and password in SUYUAN_DATABASE_URL or ~/.pgpass",
    "08": "check that the database runs and SUYUAN_DATABASE_URL is right",
}


class PostgisBackend:
    """A schema of a PostGIS database; its tables have the layers' names, so that QGIS opens them as they are."""

    def __init__(self, url: str, schema: str, files: Files) -> None:
        """Note where the database is; it is connected to when it is needed.

        Raises
        ------
        InvalidInput
            Not a PostgreSQL address, or a bad name of a schema.
        """
        if not _SCHEMA.fullmatch(schema) or schema.startswith("pg_"):
            raise InvalidInput(f"SUYUAN_DATABASE_SCHEMA {schema!r}: use small letters, digits and _, not pg_...")
        address = _address(url)
        options = f"{address.query.get('options', '')} -c TimeZone=UTC -c lock_timeout={LOCK_SECONDS}s"
        how = {
            "prepare_threshold": None,
            "connect_timeout": 10,
            "application_name": "suyuan",
            "options": options.strip(),
        }
        self._engine = create_engine(address, pool_pre_ping=True, connect_args=how)
        weakref.finalize(self, self._engine.dispose)
        port = f":{address.port}" if address.port else ""
        self.place = f"{address.host or 'localhost'}{port}/{address.database or ''} {schema}"
        self.name = self.schema = schema
        self.files = files
        self.register: Register = DatabaseRegister(self)
        # The lock outlives this object where others share it: it keeps no connection between two writes.
        self._lock = writer_lock(create_engine(address, poolclass=NullPool, connect_args=how), schema)

    def exists(self) -> bool:
        """Return whether the schema holds a store."""
        with self._reading() as connection:
            return self._is_there(connection)

    def how_to_make(self) -> str:
        """Return what to do where there is none."""
        return "make one with `suyuan layers add LAYER FILE`, or bring one with `suyuan workspace move --to URL`"

    @contextmanager
    def lock(self) -> Iterator[bool]:
        """Keep other writers out; yields whether this is the outermost of nested calls.

        Raises
        ------
        SourceUnavailable
            The database cannot be reached, or another program writes for too long.
        """
        with self._errors():
            outermost = self._lock.acquire()
        if outermost is None:
            raise SourceUnavailable(f"another program is writing to {self.place}; try again when it is done")
        try:
            if outermost:
                with self._errors():
                    self._make()
            yield outermost
        finally:
            self._lock.release()

    @contextmanager
    def try_lock(self) -> Iterator[bool]:
        """Take the lock if it is free and there is a store; yields whether it was."""
        outermost = self._lock.acquire(wait=False) if self.exists() else None
        try:
            yield bool(outermost)
        finally:
            if outermost is not None:  # a hold inside another one was counted as well
                self._lock.release()

    def records(self) -> dict[str, LayerRecord]:
        """Return the records by layer id, in the order of the ids."""
        with self._reading() as connection:
            return self._records(connection)

    def versions(self, layer: str) -> list[Version]:
        """Return a layer's versions, the first first."""
        with self._reading() as connection:
            query = f'SELECT {_VERSIONS} FROM {self._name("suyuan_versions")} WHERE "layer" = :layer ORDER BY "number"'
            return [row_version(row) for row in connection.execute(text(query), {"layer": layer})]

    def versioned(self) -> list[str]:
        """Return the layers that have versions, in the order of their ids, removed ones too."""
        query = f'SELECT DISTINCT "layer" COLLATE "C" AS name FROM {self._name("suyuan_versions")} ORDER BY name'
        with self._reading() as connection:
            return [row[0] for row in connection.execute(text(query))]

    def read(self, layer: str, selection: Selection) -> gpd.GeoDataFrame | None:
        """Return features with the types that they were written with; None where there is no such layer."""
        with self._layer(layer) as (connection, record):
            if record is None:
                return None
            where, values = self._where(connection, record, selection)
            columns = [_identifier(name) for name in column_names(record.columns).values()]
            query = sql.SQL("SELECT {} FROM {} {} ORDER BY {} LIMIT {} OFFSET {}").format(
                sql.SQL(", ").join([*columns, sql.SQL("ST_AsBinary({})").format(sql.Identifier(GEOMETRY))]),
                sql.Identifier(self.schema, layer),
                where,
                sql.Identifier(FID),
                sql.Placeholder("limit"),
                sql.Placeholder("offset"),
            )
            page = {"limit": selection.limit, "offset": selection.offset}
            with _driver(connection).cursor(binary=True) as cursor:
                rows = cursor.execute(query, {**values, **page}).fetchall()
        return to_frame(rows, record)

    def count(self, layer: str, selection: Selection) -> int | None:
        """Return how many features fit; None where there is no such layer."""
        with self._layer(layer) as (connection, record):
            if record is None:
                return None
            where, values = self._where(connection, record, selection)
            query = sql.SQL("SELECT count(*) FROM {} {}").format(sql.Identifier(self.schema, layer), where)
            row = _driver(connection).execute(query, values).fetchone()
        return 0 if row is None else int(row[0])

    def write(self, change: Change) -> None:
        """Write layers and versions in one transaction; readers wait only while finished tables change names."""
        with self._errors(), self._lock.connection.begin():
            connection = self._lock.connection
            ready = [(record, self._fill(connection, record, frame)) for record, frame in change.layers]
            for record, table in ready:
                self._drop_table(connection, record.id)
                self._rename(connection, table, record.id)
            self._put(connection, "suyuan_layers", _RECORDS, [to_row(record) for record, _ in ready], '"id"')
            self._put(connection, "suyuan_versions", _VERSIONS, [version_row(v) for v in change.versions])

    def drop(self, layer: str) -> None:
        """Remove a layer and its record; its versions stay."""
        with self._errors(), self._lock.connection.begin():
            self._drop_table(self._lock.connection, layer)
            query = f'DELETE FROM {self._name("suyuan_layers")} WHERE "id" = :layer'
            self._lock.connection.execute(text(query), {"layer": layer})

    def clean(self) -> list[str]:
        """Remove half-sent files; the database itself undoes what was not committed."""
        left = [name for folder in FOLDERS for name in self.files.leftovers(folder)]
        for name in left:
            self.files.remove(name)
        return left

    def _make(self) -> None:
        connection = self._lock.connection
        if self._is_there(connection):
            connection.rollback()
            return
        connection.rollback()
        with connection.begin():
            if not connection.scalar(text("SELECT 1 FROM pg_extension WHERE extname = 'postgis'")):
                connection.execute(text("CREATE EXTENSION postgis"))
            connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{self.schema}"'))
            declared = {
                "suyuan_layers": _declared(LayerRecord, ("count", "synthetic"), '"id"'),
                "suyuan_versions": _declared(Version, ("number", "count"), '"layer", "number"'),
                "suyuan_store": '"name" TEXT PRIMARY KEY, "document" TEXT NOT NULL',
            }
            for name, columns in declared.items():
                connection.execute(text(f"CREATE TABLE {self._name(name)} ({columns})"))

    def _is_there(self, connection: Connection) -> bool:
        return connection.scalar(text("SELECT to_regclass(:n)"), {"n": self._name("suyuan_store")}) is not None

    def _records(self, connection: Connection) -> dict[str, LayerRecord]:
        rows = connection.execute(
            text(f'SELECT {_RECORDS} FROM {self._name("suyuan_layers")} ORDER BY "id" COLLATE "C"')
        )
        return {row[0]: from_row(row) for row in rows}

    def _name(self, table: str) -> str:
        return f'"{self.schema}"."{table}"'

    def _fill(self, connection: Connection, record: LayerRecord, frame: gpd.GeoDataFrame) -> str:
        """Write a layer into a table under a name of its own; returns the name."""
        name = f"suyuan_new_{secrets.token_hex(8)}"
        comment = f"{record.title_zh} / {record.title_en}"
        table = layer_table(name, self.schema, record, frame, comment)
        connection.execute(CreateTable(table))
        quoted = sql.Literal(comment)
        driver = _driver(connection)
        driver.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(sql.Identifier(self.schema, name), quoted))
        with driver.cursor() as cursor:
            copy_in(cursor, table, column_names(record.columns), frame)
        connection.execute(text(f'CREATE INDEX "{name}_g" ON {self._name(name)} USING gist ("{GEOMETRY}")'))
        connection.execute(text(f"ANALYZE {self._name(name)}"))
        return name

    def _rename(self, connection: Connection, table: str, layer: str) -> None:
        connection.execute(text(f'ALTER TABLE {self._name(table)} RENAME TO "{layer}"'))
        connection.execute(text(f'ALTER INDEX {self._name(f"{table}_g")} RENAME TO "{index_name(layer)}"'))
        key = f"{index_name(layer)}_pkey"
        connection.execute(text(f'ALTER INDEX {self._name(f"{table}_pkey")} RENAME TO "{key}"'))

    def _drop_table(self, connection: Connection, layer: str) -> None:
        connection.execute(text(f"DROP TABLE IF EXISTS {self._name(layer)}"))

    def _put(
        self, connection: Connection, table: str, names: str, rows: list[tuple[object, ...]], key: str | None = None
    ) -> None:
        columns = names.split(", ")
        changed = ", ".join(f"{name} = excluded.{name}" for name in columns)
        conflict = "" if key is None else f" ON CONFLICT ({key}) DO UPDATE SET {changed}"
        query = f"INSERT INTO {self._name(table)} ({names}) VALUES ({', '.join(['%s'] * len(columns))}){conflict}"
        with _driver(connection).cursor() as cursor:
            cursor.executemany(query.encode(), rows)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._errors(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _layer(self, layer: str) -> Iterator[tuple[Connection, LayerRecord | None]]:
        """Yield a connection on which the layer stands still, and its record.

        The table is held before the first look, so record and rows are of one moment.
        """
        held = self._engine.execution_options(isolation_level="REPEATABLE READ")
        with self._errors(), held.connect() as connection:
            hold = sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(sql.Identifier(self.schema, layer))
            try:
                _driver(connection).execute(hold)
            except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
                yield connection, None
                return
            yield connection, self._records(connection).get(layer)

    def _where(
        self, connection: Connection, record: LayerRecord, selection: Selection
    ) -> tuple[sql.Composable, dict[str, Any]]:
        tests: list[sql.Composable] = []
        values: dict[str, Any] = {}
        if selection.at is not None:
            names = column_names(record.columns)
            for name, sign, day in valid_tests(record.columns, record.id, selection.at):
                column = _identifier(names[name])
                held = sql.SQL(_DAY_OF_TIME if record.columns[name] == "time" else _DAY_OF_TEXT).format(column)
                test = sql.SQL('({} IS NULL OR {} COLLATE "C" {} %(day)s)').format(column, held, sql.SQL(sign))
                tests.append(test)
                values["day"] = day
        if selection.bbox is not None:
            box = dict(zip(("west", "south", "east", "north"), selection.bbox, strict=True))
            tests += [_MEETS, sql.SQL("{} <> ALL(%(outside)s)").format(sql.Identifier(FID))]
            values.update(box, outside=self._outside(connection, record.id, box))
        return (sql.SQL("WHERE ") + sql.SQL(" AND ").join(tests)) if tests else sql.SQL(""), values

    def _outside(self, connection: Connection, layer: str, box: Mapping[str, float]) -> list[int]:
        """Return the features whose envelope meets the box while their shape does not."""
        fid, table = sql.Identifier(FID), sql.Identifier(self.schema, layer)
        near = sql.SQL("SELECT {}, {} AS g FROM {} WHERE {}").format(fid, sql.Identifier(GEOMETRY), table, _MEETS)
        query = sql.SQL("SELECT {}, ST_AsBinary(g) FROM ({}) AS near WHERE {}").format(fid, near, _CROSSES)
        with _driver(connection).cursor(binary=True) as cursor:
            rows = cursor.execute(query, box).fetchall()
        shape = shapely.box(box["west"], box["south"], box["east"], box["north"])
        meets = shapely.intersects(shapely.from_wkb([wkb for _, wkb in rows]), shape)
        return [int(number) for (number, _), hit in zip(rows, meets, strict=True) if not hit]

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise self._unavailable(error.orig or error) from error
        except psycopg.Error as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: BaseException) -> SourceUnavailable:
        code = getattr(error, "sqlstate", None) or "08"
        hint = next((text for start, text in _HINTS.items() if code.startswith(start)), "nothing was changed")
        first = str(error).strip().splitlines()
        return SourceUnavailable(f"cannot use {self.place}: {first[0] if first else type(error).__name__}; {hint}")


_DAY_OF_TIME, _DAY_OF_TEXT = "to_char({}, 'YYYY-MM-DD')", "substr({}::text, 1, 10)"
_BOX = "ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326)"
_MEETS = sql.SQL(f'"{GEOMETRY}" && {_BOX}')
_CROSSES = sql.SQL(
    "NOT (ST_XMin(g) >= %(west)s AND ST_XMax(g) <= %(east)s AND ST_YMin(g) >= %(south)s AND ST_YMax(g) <= %(north)s)"
)


class DatabaseRegister:
    """The register of a shared store: the table `suyuan_store`."""

    def __init__(self, backend: PostgisBackend) -> None:
        """Keep the store."""
        self._backend = weakref.proxy(backend)

    def load(self) -> dict[str, Any]:
        """Return all documents; empty where there is no store."""
        with self._backend._reading() as connection:
            if not self._backend._is_there(connection):
                return {}
            rows = connection.execute(text(f'SELECT "name", "document" FROM {self._backend._name("suyuan_store")}'))
            return {name: json.loads(document) for name, document in rows}

    def save(self, documents: Mapping[str, Any]) -> None:
        """Save documents in one transaction; None removes one."""
        table = self._backend._name("suyuan_store")
        connection = self._backend._lock.connection
        with self._backend._errors(), connection.begin():
            for name, document in documents.items():
                connection.execute(text(f'DELETE FROM {table} WHERE "name" = :name'), {"name": name})
                if document is not None:
                    held = {"name": name, "document": json.dumps(document, ensure_ascii=False, sort_keys=True)}
                    connection.execute(text(f"INSERT INTO {table} VALUES (:name, :document)"), held)


def _address(url: str) -> URL:
    """Return the address for psycopg; it is checked without showing a password."""
    try:
        address = make_url(url)
    except ArgumentError as error:
        raise InvalidInput("SUYUAN_DATABASE_URL is no address; write it as postgresql://user@host:5432/base") from error
    if address.get_backend_name() not in ("postgresql", "postgres"):
        raise InvalidInput(
            f"SUYUAN_DATABASE_URL names {address.get_backend_name()}; only PostgreSQL with PostGIS is taken: "
            "write it as postgresql://user@host:5432/base"
        )
    return address.set(drivername="postgresql+psycopg")


def _declared(kind: type, whole: tuple[str, ...], key: str) -> str:
    columns = ", ".join(f'"{f.name}" {"BIGINT" if f.name in whole else "TEXT"}' for f in fields(kind))
    return f"{columns}, PRIMARY KEY ({key})"


def _identifier(name: str) -> sql.Identifier:
    """Return a quoted name for a query with values, in which psycopg takes % for a placeholder."""
    return sql.Identifier(name.replace("%", "%%"))


def _driver(connection: Connection) -> psycopg.Connection[Any]:
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError("the store connects with psycopg only")
    return driver
