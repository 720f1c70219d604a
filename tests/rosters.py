"""Small rosters as CSV, and what it takes to import them in a test."""

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

from rosterhub.model.entities import ENTITIES, RECORDS
from rosterhub.settings import Settings
from rosterhub.store.connect import compiled, connect
from rosterhub.transfer import records
from rosterhub.transfer.run import run_import

Rows = list[dict[str, str]]
Board = dict[str, Rows]


def board() -> Board:
    """One district, one school, a year, a course, a home room, a teacher, two pupils."""
    return {
        "academicSessions": [
            {
                "sourcedId": "y2026",
                "title": "2026年度",
                "type": "schoolYear",
                "startDate": "2026-04-01",
                "endDate": "2027-03-31",
                "schoolYear": "2026",
            }
        ],
        "orgs": [
            {"sourcedId": "district", "name": "見本市教育委員会", "type": "district"},
            {
                "sourcedId": "school",
                "name": "みどり小学校",
                "type": "school",
                "parentSourcedId": "district",
            },
        ],
        "courses": [
            {
                "sourcedId": "course",
                "schoolYearSourcedId": "y2026",
                "title": "2026年度小学校第1学年ホームルーム",
                "grades": "P1",
                "orgSourcedId": "school",
            }
        ],
        "classes": [
            {
                "sourcedId": "class",
                "title": "1年1組",
                "grades": "P1",
                "courseSourcedId": "course",
                "classType": "homeroom",
                "schoolSourcedId": "school",
                "termSourcedIds": "y2026",
                "metadata.jp.specialNeeds": "false",
            }
        ],
        "users": [
            person("p1", "陽菜", "佐藤", grades="P1", **{"metadata.jp.homeClass": "class"}),
            person("p2", "蓮", "渡邉", grades="P1", **{"metadata.jp.homeClass": "class"}),
            person("t1", "健一", "田中"),
        ],
        "roles": [
            role("p1", "student"),
            role("p2", "student"),
            role("t1", "teacher"),
        ],
        "enrollments": [
            enrollment("p1", "student", **{"metadata.jp.ShussekiNo": "1"}),
            enrollment("p2", "student", **{"metadata.jp.ShussekiNo": "2"}),
            enrollment("t1", "teacher", primary="true"),
        ],
        "demographics": [{"sourcedId": "p1", "birthDate": "2019-05-12", "sex": "female"}],
    }


def person(sourced_id: str, given: str, family: str, **more: str) -> dict[str, str]:
    """A row of users.csv."""
    return {
        "sourcedId": sourced_id,
        "enabledUser": "true",
        "username": f"{sourced_id}@mihon.example",
        "givenName": given,
        "familyName": family,
        "primaryOrgSourcedId": "school",
        **more,
    }


def role(user: str, name: str, org: str = "school", **more: str) -> dict[str, str]:
    """A row of roles.csv."""
    row = {"sourcedId": f"r-{user}-{org}", "userSourcedId": user, "roleType": "primary"}
    return row | {"role": name, "orgSourcedId": org, **more}


def enrollment(user: str, name: str, **more: str) -> dict[str, str]:
    """A row of enrollments.csv."""
    row = {"sourcedId": f"e-{user}", "classSourcedId": "class", "schoolSourcedId": "school"}
    return row | {"userSourcedId": user, "role": name, "primary": "false", **more}


def csv_file(
    entity: str, rows: Iterable[Mapping[str, str]], columns: list[str] | None = None
) -> bytes:
    """A CSV file with the header of the Japan Profile, or with `columns`."""
    rows = list(rows)
    header = columns or ENTITIES[entity].header("jp-1.2.1")
    header = header + sorted({k for row in rows for k in row} - set(header))
    out = io.StringIO()
    writer = csv.DictWriter(out, header, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def package(
    files: Mapping[str, Rows | bytes],
    *,
    modes: Mapping[str, str] | None = None,
    version: str = "1.2",
    names: Mapping[str, str] | None = None,
    extra: Mapping[str, bytes] | None = None,
    manifest: bytes | None = None,
) -> bytes:
    """A OneRoster zip. Files are bulk unless `modes` says otherwise."""
    modes = dict(modes or {})
    lines = ["propertyName,value", "manifest.version,1.0", f"oneroster.version,{version}"]
    lines += [
        f"file.{name},{modes.get(name, 'bulk' if name in files else 'absent')}" for name in ENTITIES
    ]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        if manifest != b"":
            archive.writestr("manifest.csv", manifest or "\r\n".join(lines) + "\r\n")
        for name, rows in files.items():
            data = rows if isinstance(rows, bytes) else csv_file(name, rows)
            archive.writestr((names or {}).get(name, f"{name}.csv"), data)
        for name, data in (extra or {}).items():
            archive.writestr(name, data)
    return out.getvalue()


def send(
    config: Settings, data: bytes, entity: str | None = None, **options: Any
) -> dict[str, Any]:
    """Import `data` to the end and return the job document."""
    name = f"{entity}.csv" if entity else "board.zip"
    request = records.Request(name, entity, **options)
    with connect(config.write_url) as connection:
        import_id = records.create(connection, request, [data])
    run_import(import_id, config)
    return job(config, import_id)


def job(config: Settings, import_id: int) -> dict[str, Any]:
    """The job document with all its errors and warnings."""
    with connect(config.write_url) as connection:
        row = connection.execute(compiled(f"{records.ROW} WHERE id = %s"), [import_id]).fetchone()
        assert row is not None
        errors, warnings = (
            connection.execute(records.ISSUES, [import_id, severity]).fetchall()
            for severity in ("error", "warning")
        )
    return records.document(row, errors, warnings, "en")


def places(issues: Iterable[Mapping[str, Any]]) -> list[tuple[str, int, str, str]]:
    """File, line, column and code of each issue."""
    return [(i["file"], i["line"], i["column"], i["code"]) for i in issues]


def rows(config: Settings, query: str, *values: object) -> list[tuple[Any, ...]]:
    """What a query returns."""
    with connect(config.write_url) as connection:
        return connection.execute(compiled(query), values or None).fetchall()


def contents(config: Settings) -> dict[str, list[str]]:
    """Every row of every roster table, and the tokens of their versions: what must not change."""
    tables = [*(e.table for e in RECORDS.values()), "data_versions"]
    with connect(config.write_url) as connection:
        return {
            table: [
                row
                for (row,) in connection.execute(
                    compiled(f"SELECT t::text || ' ' || t.xmin FROM {table} t ORDER BY 1")
                )
            ]
            for table in tables
        }


def zipped(*members: tuple[str, bytes]) -> bytes:
    """A zip of any files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()
