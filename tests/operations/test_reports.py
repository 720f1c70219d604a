"""The monthly and the weekly report, of a month whose requests the test makes."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest

from rosterhub.access import keys
from rosterhub.ops.reports import tables
from rosterhub.ops.reports.charts import Series, columns, lines
from rosterhub.ops.reports.numbers import Table
from rosterhub.settings import Settings
from rosterhub.store.connect import connect
from tests.operations.manual import done, under
from tests.operations.servers import Installation, installation, succeeded
from tests.rosters import board, package, send
from tests.serving import add_key

Fresh = Callable[[], AbstractContextManager[Settings]]
JAPAN = ZoneInfo("Asia/Tokyo")
NOW = datetime.now(UTC).astimezone(JAPAN)
LAST = f"{NOW.replace(day=1) - timedelta(days=1):%Y%m}"
NOON = f"{NOW.replace(day=1) - timedelta(days=1):%Y-%m-%d} 12:00:00+09"
"""On the last day of the last month."""

_REQUESTS = """
INSERT INTO audit_logs (api_key, endpoint, created_at, response_time_ms, response_status, method,
                        path, client_address)
SELECT %s, %s, %s::timestamptz, %s, %s, 'GET', '/x', '192.0.2.1' FROM generate_series(1, %s)
"""
USERS, ORGS = "/ims/oneroster/rostering/v1p2/users", "/ims/oneroster/rostering/v1p2/orgs"


def request(
    config: Settings,
    key: str | None,
    endpoint: str,
    at: str,
    *,
    ms: float = 10,
    status: int = 200,
    times: int = 1,
) -> None:
    with connect(config.write_url) as connection:
        connection.execute(_REQUESTS, [key, endpoint, at, ms, status, times])


@pytest.fixture(scope="module")
def hub(fresh: Fresh) -> Iterator[Settings]:
    """A hub with a roster, two keys, and requests in the last month."""
    with fresh() as config:
        send(config, package(board()))
        add_key(config)
        request(config, "a-key-of-the-manual", USERS, NOON, ms=20.5, times=3)
        request(config, "a-key-of-the-manual", USERS, NOON, ms=40, status=404)
        request(config, "a-key-of-the-manual", ORGS, NOON, ms=6_000, status=500)
        # Midnight is Japan's: a minute before and after it are two days, though one in Europe.
        first = NOON[:8] + "01"
        request(config, "a-key-of-the-manual", ORGS, f"{first} 23:59:00+09")
        request(config, "a-key-of-the-manual", ORGS, f"{first[:8]}02 00:01:00+09")
        yield config


@pytest.fixture
def server(hub: Settings, tmp_path: Path) -> Installation:
    return installation(tmp_path, hub)


def this_month() -> str:
    return f"{datetime.now(JAPAN):%Y%m}"


def files(month: str) -> list[str]:
    """The files of a monthly report."""
    kinds = ("api-stats-{}.txt", "db-size-{}.txt", "report-{}.html")
    return [f"monthly-{kind.format(month)}" for kind in kinds]


def reports(server: Installation) -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in (server.home / "reports").iterdir()}


def test_the_files_of_a_month_have_the_manuals_names_and_columns(server: Installation) -> None:
    said = json.loads(succeeded(server.rosterhub("report", "monthly", LAST, "--json")))
    names = files(LAST)
    assert said["files"] == [str(server.home / "reports" / name) for name in names]
    stats, sizes, _ = (reports(server)[name] for name in names)
    assert [n.strip() for n in stats.splitlines()[0].split("|")] == [
        *("date", "endpoint", "request_count", "avg_response_time_ms")
    ]
    first, last = NOON[:8] + "01", NOON[:10]
    assert [[c.strip() for c in line.split("|")] for line in stats.splitlines()[2:-1]] == [
        [last, USERS, "4", "25.375"],
        [last, ORGS, "1", "6000.0"],
        [f"{first[:8]}02", ORGS, "1", "10.0"],
        [first, ORGS, "1", "10.0"],
    ]
    assert stats.endswith("(4 rows)\n")
    assert [n.strip() for n in sizes.splitlines()[0].split("|")] == [
        *("schemaname", "tablename", "size")
    ]
    shown = [line.split("|")[1].strip() for line in sizes.splitlines()[2:-1]]
    with connect(server.url) as connection:
        real = {
            name: connection.execute("SELECT pg_total_relation_size(%s)", [name]).fetchone()
            for name in ("users", "audit_logs_default")
        }
    assert abs(tables.sizes(sizes)["users"] - real["users"][0]) < 1024
    # Its partitions are in it, and not shown apart.
    assert tables.sizes(sizes)["audit_logs"] > real["audit_logs_default"][0] > 0
    assert "audit_logs_default" not in shown
    assert tables.sizes(sizes)["history"] > 0


def test_without_a_month_it_is_of_the_last_30_days(server: Installation, hub: Settings) -> None:
    begun = this_month()
    succeeded(server.rosterhub("report", "monthly"))
    assert set(reports(server)) in (set(files(begun)), set(files(this_month())))


def test_the_page_is_complete_in_itself(server: Installation) -> None:
    succeeded(server.rosterhub("report", "monthly", LAST, "--language", "en"))
    page = reports(server)[f"monthly-report-{LAST}.html"]
    assert "7 requests, 1 refused, 1 failed." in page
    assert "Slowest endpoints" in page
    assert f"GET {USERS}" in page
    for elsewhere in ("http://", "https://", "<script", "url(", "src="):
        assert elsewhere not in page
    charts = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(charts) == 3
    for chart in charts:
        ElementTree.fromstring(chart)
    days = [t for t in re.findall(r"<title>([^<]*)</title>", page) if "answered" in t]
    month = LAST[4:]
    assert days == [
        f"{month}-01 answered: 1",
        f"{month}-02 answered: 1",
        f"{NOON[5:10]} answered: 3",
    ]


def test_the_page_speaks_japanese(server: Installation) -> None:
    succeeded(server.rosterhub("report", "monthly", LAST, LANG="ja_JP.UTF-8"))
    page = reports(server)[f"monthly-report-{LAST}.html"]
    assert f"RosterHub 月次レポート {LAST[:4]}年{LAST[4:]}月" in page
    assert "リクエスト 7 件、うち拒否 1 件、失敗 1 件。" in page
    assert '<html lang="ja">' in page


def test_sizes_are_shown_over_the_months_that_have_a_report(
    server: Installation, hub: Settings
) -> None:
    """Also one that was written with the manual's own command."""
    manuals = done(hub.write_url, under("パフォーマンスレポート作成", "SELECT\n    schemaname"))
    folder = server.home / "reports"
    (folder / "monthly-db-size-202401.txt").write_text(manuals)
    (folder / "monthly-db-size-209901.txt").write_text("of the future")
    month = this_month()
    succeeded(server.rosterhub("report", "monthly", month))
    page = reports(server)[f"monthly-report-{month}.html"]
    months = set(re.findall(r"<title>(\d{4}-\d\d) audit_logs: [\d.,]+ MB</title>", page))
    assert months == {"2024-01", f"{month[:4]}-{month[4:]}"}


def test_sizes_of_the_past_are_not_made_up(server: Installation) -> None:
    succeeded(server.rosterhub("report", "monthly", "202401"))
    assert "monthly-db-size-202401.txt" not in reports(server)
    kept = server.home / "reports" / f"monthly-db-size-{LAST}.txt"
    kept.write_text("as it was")
    succeeded(server.rosterhub("report", "monthly", LAST))
    assert kept.read_text() == "as it was"


@pytest.mark.parametrize("month", ["2026", "202613", "20260", "299901", "x"])
def test_what_is_no_month_is_wrong_usage(server: Installation, month: str) -> None:
    refused = server.rosterhub("report", "monthly", month)
    assert refused.returncode == 2
    assert month in refused.stderr
    assert reports(server) == {}


def test_the_script_does_the_same(server: Installation) -> None:
    (server.home / "bin").mkdir()
    program = server.home / "bin" / "rosterhub"
    program.write_text('#!/bin/bash\necho "$@" in "$ROSTERHUB_HOME"\n')
    program.chmod(0o755)
    path = f"{program.parent}:{server.environment['PATH']}"
    said = succeeded(server.script("monthly-report.sh", LAST, PATH=path))
    assert said == f"report monthly {LAST} in {server.home}\n"
    # On a server with containers it is the one of the API that writes it.
    (server.home / "docker-compose.yml").touch()
    docker = server.home / "bin" / "docker"
    docker.write_text('#!/bin/bash\necho "$@"\n')
    docker.chmod(0o755)
    said = succeeded(server.script("monthly-report.sh", LAST, PATH=path, LANG="ja_JP.UTF-8"))
    assert said == f"compose exec -T -e LANG=ja_JP.UTF-8 api rosterhub report monthly {LAST}\n"


def test_the_weekly_report_shows_what_stands_out(fresh: Fresh, tmp_path: Path) -> None:
    with fresh() as config, connect(config.write_url) as connection:
        public, _ = keys.create(connection, "School C LMS", None, ())
        add_key(config)
        # Yesterday at noon and at half past two in the night, in Japan.
        day = NOW - timedelta(days=1)
        noon, night = f"{day:%Y-%m-%d} 12:00+09", f"{day:%Y-%m-%d} 02:30+09"
        request(config, None, USERS, noon, status=401, times=7)
        request(config, public, USERS, noon, ms=5_001, times=2)
        request(config, public, USERS, night, times=3)
        request(config, "a-key-of-the-manual", ORGS, noon, times=10_001)
        request(config, public, ORGS, noon, times=9_995)
        request(config, "gone-key", ORGS, noon)
        # What sees whether the hub is well, every few seconds of the day.
        request(config, None, "/health/live", night, times=10_001)
        request(config, None, "/metrics", night, times=5_000)
        request(config, None, ORGS, "2020-01-01", status=401)
        server = installation(tmp_path, config)
        said = server.rosterhub("report", "weekly", "--json")
        found = json.loads(succeeded(said))["tables"]
        shown = succeeded(server.rosterhub("report", "weekly", "--language", "ja"))
    [refused] = found["refused"]
    assert (refused["client_address"], refused["request_count"]) == ("192.0.2.1", 7)
    failing = {row["name"]: (row["failed"], row["slow"]) for row in found["failing or slow"]}
    assert failing == {None: (7, 0), "School C LMS": (0, 2)}
    [at_night] = found["at night"]
    assert (at_night["api_key"], at_night["request_count"]) == (public, 3)
    assert at_night["last_access"] == f"{day:%Y-%m-%d} 02:30"
    [much] = found["very much"]
    # A key that is itself the secret is not shown.
    assert (much["api_key"], much["name"], much["date"]) == ("a-ke…", "Test", f"{day:%Y-%m-%d}")
    assert [row["request_count"] for row in found["unknown"]] == [1]
    assert found["most"][0]["request_count"] == 10_001
    assert "# 深夜帯のアクセス（22 時〜6 時）" in shown
    assert "a-key-of-the-manual" not in shown
    written = sorted((tmp_path / "reports").glob("weekly-security-*.txt"))
    today = f"weekly-security-{datetime.now(JAPAN):%Y%m%d}.txt"
    assert written[-1].name in (today, f"weekly-security-{NOW:%Y%m%d}.txt")
    assert shown.startswith(written[-1].read_text("utf-8"))


def test_a_hub_that_nobody_asked_anything_has_reports_too(fresh: Fresh, tmp_path: Path) -> None:
    with fresh() as config:
        server = installation(tmp_path, config)
        succeeded(server.rosterhub("report", "monthly", LAST))
        assert succeeded(server.rosterhub("report", "weekly")).count("None.") == 6
    assert "Nothing in this month." in reports(server)[f"monthly-report-{LAST}.html"]


def test_a_table_is_as_psql_prints_it(hub: Settings) -> None:
    query = "SELECT 12 AS n, 'ab' AS text UNION ALL SELECT 3, '山田' ORDER BY 1 DESC"
    printed = done(hub.write_url, query).rstrip("\n") + "\n"
    assert tables.text(Table(("n", "text"), [(12, "ab"), (3, "山田")])) == printed


def test_charts_of_nothing_are_charts() -> None:
    for chart in (columns("x", [], [Series("y", [])]), lines("<x>", ["a"], [Series("y", [0])], "")):
        ElementTree.fromstring(chart)
