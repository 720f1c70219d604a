"""Exports as tests take them: whole, and what is in them."""

import csv
import io
import zipfile

from rosterhub.model.entities import ENTITIES
from rosterhub.settings import Settings
from rosterhub.store.connect import connect
from rosterhub.transfer import export
from rosterhub.transfer.export_options import choose


def _given(options: dict[str, object]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in options.items():
        for one in value if isinstance(value, list) else [value]:
            found.append((name, str(one).lower() if isinstance(one, bool) else str(one)))
    return found


def exported(config: Settings, entity: str, **options: object) -> bytes:
    """One file, with the options of HTTP."""
    chosen = choose(_given(options), config.history_days)
    with connect(config.read_url) as connection:
        return b"".join(export.export_file(connection, ENTITIES[entity], chosen))


def exported_package(config: Settings, **options: object) -> bytes:
    """A zip."""
    return begun_package(config, **options)[0]


def begun_package(config: Settings, **options: object) -> tuple[bytes, export.Begun]:
    """A zip, and what was told when it began."""
    chosen = choose(_given(options), config.history_days)
    begun: list[export.Begun] = []
    with connect(config.read_url) as connection:
        whole = b"".join(export.export_package(connection, chosen, begun.append))
    return whole, begun[0]


def table(data: bytes) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def tables(data: bytes) -> dict[str, list[dict[str, str]]]:
    """The rows of every file of a zip, by entity, ordered by sourcedId; a column without a value in
    any row does not count."""
    found: dict[str, list[dict[str, str]]] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            if name != "manifest.csv":
                rows = sorted(table(archive.read(name)), key=lambda row: row["sourcedId"])
                found[name.removesuffix(".csv")] = [
                    {k: v for k, v in row.items() if v} for row in rows
                ]
    return found


def manifest(data: bytes) -> dict[str, str]:
    """What the manifest of a zip says."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return dict(csv.reader(io.StringIO(archive.read("manifest.csv").decode())))
