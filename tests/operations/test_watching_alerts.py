"""The alert rules and the dashboard, as Prometheus' own promtool reads and evaluates them."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from rosterhub.settings import Settings
from tests.deploy.composing import SECRETS, services
from tests.deploy.fronts import REPOSITORY
from tests.ports import deaf_port
from tests.serving import serving

RULES = REPOSITORY / "deploy" / "prometheus" / "alerts.yml"
DASHBOARD: dict[str, Any] = json.loads(
    (REPOSITORY / "deploy" / "grafana" / "dashboards" / "rosterhub.json").read_text("utf-8")
)
ALERTS: list[dict[str, Any]] = yaml.safe_load(RULES.read_text("utf-8"))["groups"][0]["rules"]
WATCHING = ("docker-compose.yml", "docker-compose.watch.yml")

promtool = pytest.mark.skipif(
    not shutil.which("promtool"), reason="needs promtool: apt-get install prometheus"
)


def expressions() -> list[str]:
    """Every query of the dashboard, with its variables filled in as Grafana does."""
    found = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    return [e.replace("$__rate_interval", "1m").replace("$__range", "1d") for e in found]


def used() -> set[str]:
    """The metrics that alerts and dashboard ask for."""
    text = "\n".join([*expressions(), *(alert["expr"] for alert in ALERTS)])
    return set(re.findall(r"\b(?:rosterhub|probe)_[a-z0-9_]+|\bup\b", text))


HEALTHY = {
    'up{job="rosterhub", instance="a"}': "1+0x300",
    'probe_success{job="rosterhub-front"}': "1+0x300",
    'probe_ssl_earliest_cert_expiry{job="rosterhub-front"}': f"{90 * 86400}+0x300",
    'rosterhub_database_up{database="primary"}': "1+0x300",
    'rosterhub_database_up{database="replica"}': "1+0x300",
    "rosterhub_redis_up": "1+0x300",
    'rosterhub_requests_total{status="200", instance="a"}': "0+6000x300",
    'rosterhub_requests_total{status="401", instance="a"}': "0+10x300",
    'rosterhub_requests_total{status="503", instance="a"}': "0+10x300",
    'rosterhub_request_seconds_bucket{method="GET", endpoint="/users", le="0.1"}': "0+5900x300",
    'rosterhub_request_seconds_bucket{method="GET", endpoint="/users", le="5"}': "0+6000x300",
    'rosterhub_request_seconds_bucket{method="GET", endpoint="/users", le="+Inf"}': "0+6000x300",
    # Exports take minutes, and nobody minds.
    'rosterhub_request_seconds_bucket{method="GET", endpoint="/csv/export", le="5"}': "0+0x300",
    'rosterhub_request_seconds_bucket{method="GET", endpoint="/csv/export", le="+Inf"}': "0+9x300",
    'rosterhub_imports{state="waiting"}': "0+0x300",
    'rosterhub_import_oldest_seconds{state="queued"}': "0+0x300",
    'rosterhub_import_oldest_seconds{state="running"}': "900+0x300",
    'rosterhub_import_failed_timestamp_seconds{source="sis"}': "60+0x300",
    'rosterhub_import_completed_timestamp_seconds{source="sis"}': "120+60x300",
    "rosterhub_workers": "2+0x300",
    'rosterhub_jobs{status="failed"}': "0+0x300",
    "rosterhub_replication_lag_seconds": "0.2+0x300",
    "rosterhub_replication_following": "1+0x300",
    'rosterhub_replication_slot_kept_bytes{slot="s"}': "1e6+0x300",
    'rosterhub_pool_errors_total{pool="read", instance="a"}': "5+0x300",
    # A moment's wait is no reason to call anybody.
    'rosterhub_pool_requests_waiting{pool="read", instance="a"}': "0 0 9 0+0x300",
    "rosterhub_database_connections": "50+0x300",
    "rosterhub_database_connections_max": "200+0x300",
    'rosterhub_disk_free_bytes{instance="a", folder="/opt"}': "60e9+0x300",
    'rosterhub_disk_size_bytes{instance="a", folder="/opt"}': "100e9+0x300",
    "rosterhub_backup_timestamp_seconds": "0+60x300",
    'rosterhub_audit_dropped_total{instance="a"}': "3+0x300",
    'rosterhub_audit_queued{instance="a"}': "500+0x300",
    "rosterhub_audit_months_ahead": "2+0x300",
    "rosterhub_database_disk_full": "0+0x300",
}
"""Five hours of a hub on which all is well, a sample a minute from 1970 on."""

BROKEN: dict[str, dict[str, str]] = {
    "ApiDown": {'up{job="rosterhub", instance="b"}': "0+0x300"},
    "FrontDown": {'probe_success{job="rosterhub-front"}': "0+0x300"},
    "DatabaseDown": {'rosterhub_database_up{database="replica"}': "0+0x300"},
    # Who asks for /health gets 503 all the while, and reads go on.
    "RedisDown": {
        "rosterhub_redis_up": "0+0x300",
        'rosterhub_requests_total{status="503", endpoint="/health", instance="a"}': "0+300x300",
    },
    "ManyErrors": {'rosterhub_requests_total{status="503", instance="a"}': "0+300x300"},
    "SlowReads": {
        'rosterhub_request_seconds_bucket{method="GET", endpoint="/users", le="0.1"}': "0+900x300"
    },
    "KeysRefused": {'rosterhub_requests_total{status="401", instance="a"}': "0+60x300"},
    "ImportFailed": {'rosterhub_import_failed_timestamp_seconds{source="new"}': "60+0x300"},
    "ImportWaitsForApproval": {'rosterhub_imports{state="waiting"}': "1+0x300"},
    "ImportStuck": {'rosterhub_import_oldest_seconds{state="running"}': "0+60x300"},
    "ImportQueued": {'rosterhub_import_oldest_seconds{state="queued"}': "0+60x300"},
    "NoImportForDays": {
        'rosterhub_import_completed_timestamp_seconds{source="old"}': f"-{4 * 86400}+0x300"
    },
    "WorkerSilent": {"rosterhub_workers": "0+0x300"},
    "JobsFailed": {'rosterhub_jobs{status="failed"}': "1+0x300"},
    "ReplicaBehind": {"rosterhub_replication_lag_seconds": "61+0x300"},
    "ReplicaStopped": {"rosterhub_replication_following": "0+0x300"},
    "SlotKeepsWal": {'rosterhub_replication_slot_kept_bytes{slot="s"}': "9e9+0x300"},
    "PoolExhausted": {'rosterhub_pool_requests_waiting{pool="read", instance="a"}': "4+0x300"},
    "ConnectionsNearlyUsed": {"rosterhub_database_connections": "190+0x300"},
    "DiskFilling": {'rosterhub_disk_free_bytes{instance="a", folder="/opt"}': "25e9+0x300"},
    "DiskFull": {'rosterhub_disk_free_bytes{instance="a", folder="/opt"}': "5e9+0x300"},
    "NoBackup": {"rosterhub_backup_timestamp_seconds": f"-{30 * 3600}+0x300"},
    "CertificateEnds": {
        'probe_ssl_earliest_cert_expiry{job="rosterhub-front"}': f"{20 * 86400}+0x300"
    },
    "DatabaseDiskFull": {"rosterhub_database_disk_full": "1+0x300"},
    "AuditLogLosesEntries": {'rosterhub_audit_dropped_total{instance="a"}': "0+1x300"},
    "AuditLogWaits": {'rosterhub_audit_queued{instance="a"}': "20000+0x300"},
    "AuditPartitionMissing": {"rosterhub_audit_months_ahead": "0+0x300"},
}
ALSO = {"DiskFull": {"DiskFilling"}}


def scenario(name: str, changed: dict[str, str], firing: set[str]) -> dict[str, Any]:
    """A unit test of promtool: exactly these alerts fire in the end."""
    series = HEALTHY | changed
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": s, "values": v} for s, v in series.items()],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": "4h",
                "exp_samples": [
                    {"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in sorted(firing)
                ],
            }
        ],
    }


def test_every_alert_has_a_case() -> None:
    assert set(BROKEN) == {alert["alert"] for alert in ALERTS}
    for alert in ALERTS:
        assert alert["labels"]["severity"] in ("critical", "warning")
        assert set(alert["annotations"]) == {"summary", "ja"}


@promtool
def test_each_alert_fires_when_it_should_and_no_other_does(tmp_path: Path) -> None:
    cases = [scenario("all is well", {}, set())]
    cases += [
        scenario(name, changed, {name} | ALSO.get(name, set())) for name, changed in BROKEN.items()
    ]
    path = tmp_path / "test.yml"
    file = {"rule_files": [str(RULES)], "evaluation_interval": "5m", "tests": cases}
    path.write_text(yaml.safe_dump(file))
    done = subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@promtool
def test_prometheus_takes_its_configuration_and_every_query_of_the_dashboard(
    tmp_path: Path,
) -> None:
    shutil.copytree(RULES.parent, tmp_path / "prometheus")
    chosen = tmp_path / "prometheus" / "prometheus.yml"
    chosen.write_text(chosen.read_text().replace("/etc/prometheus", str(chosen.parent)))
    recording = tmp_path / "queries.yml"
    rules = [{"record": f"query_{n}", "expr": expr} for n, expr in enumerate(expressions())]
    recording.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    for command in (["check", "config", str(chosen)], ["check", "rules", str(recording)]):
        done = subprocess.run(["promtool", *command], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_is_one_that_grafana_can_lay_out() -> None:
    source = yaml.safe_load(
        (REPOSITORY / "deploy/grafana/datasources/rosterhub.yml").read_text("utf-8")
    )["datasources"][0]
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
        for asked in (panel, *panel["targets"]):
            assert asked["datasource"] == {"type": source["type"], "uid": source["uid"]}
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))


def test_the_front_is_asked_for_what_is_well_without_redis(config: Settings) -> None:
    jobs = yaml.safe_load((RULES.parent / "prometheus.yml").read_text("utf-8"))["scrape_configs"]
    [front] = [job for job in jobs if job["job_name"] == "rosterhub-front"]
    [target] = front["static_configs"][0]["targets"]
    with (
        deaf_port() as port,
        serving(config.model_copy(update={"redis_url": f"redis://127.0.0.1:{port}/0"})) as api,
    ):
        assert api.get("/health").status_code == 503
        assert api.get(target.removeprefix("https://nginx")).status_code == 200


def test_compose_brings_them_up_beside_the_hub_for_this_server_alone() -> None:
    found = services("production", files=WATCHING, **SECRETS, GRAFANA_PASSWORD="x")
    assert set(found) - set(services("production", **SECRETS)) == {
        "prometheus",
        "grafana",
        "blackbox",
    }
    for name in ("prometheus", "grafana"):
        assert [port["host_ip"] for port in found[name]["ports"]] == ["127.0.0.1"]
    for name in ("prometheus", "grafana", "blackbox"):
        for volume in found[name]["volumes"]:
            assert volume["type"] == "volume" or Path(volume["source"]).is_dir()
    scraped = yaml.safe_load((RULES.parent / "prometheus.yml").read_text("utf-8"))
    [target] = scraped["scrape_configs"][0]["static_configs"][0]["targets"]
    host, _, port = target.partition(":")
    assert host in found["api"]["networks"]["default"]["aliases"]
    assert port == found["api"]["environment"]["API_PORT"]
