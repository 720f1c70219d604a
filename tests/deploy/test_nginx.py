"""What nginx does in front of the API: TLS, headers, addresses, limits, maintenance."""

import contextlib
import socket
import ssl
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from rosterhub.settings import Settings
from rosterhub.store.connect import connect
from tests.deploy.conftest import UPLOAD_MAX_SIZE
from tests.deploy.fronts import NAME, Front, certificate, front
from tests.errors import minor
from tests.integration.test_serve import Api
from tests.rosters import board, csv_file
from tests.serving import KEY, until

KEYED = {"X-API-Key": KEY}
ORGS = "/ims/oneroster/rostering/v1p2/orgs"

# As the operations manual prints it (メジャーバージョンアップデート).
MAINTENANCE = """\
server {
    listen 80 default_server;
    listen 443 ssl default_server;

    ssl_certificate /etc/nginx/ssl/cert.pem;
    ssl_certificate_key /etc/nginx/ssl/key.pem;

    return 503 "System maintenance in progress. Please try again later.";
}
"""
MAINTENANCE_TEXT = "System maintenance in progress. Please try again later."


@pytest.fixture(scope="module")
def client(site: Front) -> Iterator[httpx.Client]:
    with site.client() as made:
        yield made


def handshake(site: Front, version: ssl.TLSVersion, *protocols: str) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(site.root / "ssl" / "cert.pem"))
    # Else it is the client here that does without what is old.
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(list(protocols or ["http/1.1"]))
    raw = socket.create_connection(("127.0.0.1", site.tls_port), 10)
    return context.wrap_socket(raw, server_hostname=NAME)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_current_versions_of_tls_are_spoken(site: Front, version: ssl.TLSVersion) -> None:
    with handshake(site, version) as connection:
        assert connection.version() == version.name.replace("_", ".")
        assert "GCM" in connection.cipher()[0] or "CHACHA20" in connection.cipher()[0]  # type: ignore[index]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_of_tls_are_refused(site: Front, version: ssl.TLSVersion) -> None:
    with pytest.raises(ssl.SSLError) as error:
        handshake(site, version)
    assert error.value.reason == "TLSV1_ALERT_PROTOCOL_VERSION"


def test_http2_is_spoken_where_nginx_has_it_as_a_switch(site: Front) -> None:
    known = "http2 on" in (site.root / "conf.d" / "rosterhub.conf").read_text()
    with handshake(site, ssl.TLSVersion.TLSv1_3, "h2", "http/1.1") as connection:
        assert connection.selected_alpn_protocol() == ("h2" if known else "http/1.1")


def test_plain_http_is_led_to_https(site: Front) -> None:
    answer = httpx.get(f"{site.plain_url}{ORGS}?limit=1&x=%20", headers={"Host": NAME})
    assert answer.status_code == 301
    assert answer.headers["Location"] == f"https://{NAME}{ORGS}?limit=1&x=%20"


def test_the_proof_for_a_certificate_is_served_over_plain_http(site: Front) -> None:
    (site.root / "acme/.well-known/acme-challenge/token").write_text("token.thumbprint")
    answer = httpx.get(f"{site.plain_url}/.well-known/acme-challenge/token")
    assert (answer.status_code, answer.text) == (200, "token.thumbprint")
    assert httpx.get(f"{site.plain_url}/.well-known/acme-challenge/other").status_code == 404


@pytest.mark.parametrize("path", ["/health", ORGS, "/nothing", "/metrics"])
def test_every_answer_has_the_security_headers_once(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers.get_list("Strict-Transport-Security") == ["max-age=31536000"]
    assert headers.get_list("X-Content-Type-Options") == ["nosniff"]
    assert headers.get_list("X-Frame-Options") == ["DENY"]
    assert headers.get_list("Referrer-Policy") == ["same-origin"]
    assert headers["Server"] == "nginx"


def test_json_is_compressed_for_those_who_take_it(client: httpx.Client) -> None:
    document = client.get("/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert document.headers["Content-Encoding"] == "gzip"
    assert document.json()["info"]["title"].startswith("RosterHub")
    plain = client.get("/openapi.json", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers


def test_what_was_compressed_is_known_again(client: httpx.Client) -> None:
    headers = {**KEYED, "Accept-Encoding": "gzip"}
    first = client.get(ORGS, headers=headers)
    again = client.get(ORGS, headers={**headers, "If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304


def test_the_audit_log_has_the_real_address(site: Front, hub: Settings) -> None:
    path = f"/{uuid4()}"
    with site.client("127.0.0.7") as client:
        client.get(path, headers={"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9"})
    with connect(hub.write_url) as connection:
        question = "SELECT client_address FROM audit_logs WHERE path = %s"
        until(lambda: connection.execute(question, [path]).rowcount == 1)
        assert connection.execute(question, [path]).fetchone() == ("127.0.0.7",)


def test_links_lead_back_to_the_name_the_client_used(site: Front, client: httpx.Client) -> None:
    upload = {"file": ("orgs.csv", csv_file("orgs", board()["orgs"]))}
    sent = client.post("/api/v1.2/csv/import/orgs", files=upload, headers=KEYED)
    assert sent.status_code == 202
    assert sent.json()["statusUrl"].startswith(f"{site.url}/api/v1.2/csv/import/jobs/")


@pytest.mark.parametrize(
    "path", ["/metrics", "/metrics/", "//metrics", "/%6detrics", "/x/../metrics"]
)
def test_the_numbers_are_not_for_the_world(site: Front, apis: list[Api], path: str) -> None:
    with socket.create_connection(("127.0.0.1", site.tls_port), 10) as raw:
        context = ssl.create_default_context(cafile=str(site.root / "ssl" / "cert.pem"))
        with context.wrap_socket(raw, server_hostname=NAME) as secure:
            # By hand: a client would tidy the path.
            secure.sendall(
                f"GET {path} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode()
            )
            answer = b"".join(iter(lambda: secure.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"rosterhub_requests" not in answer
    assert "rosterhub_requests" in httpx.get(f"{apis[0].url}/metrics").text


def test_a_request_keeps_its_id_from_front_to_back(client: httpx.Client, site: Front) -> None:
    given = client.get("/health/live", headers={"X-Request-ID": "from-the-client.1"})
    assert given.headers["X-Request-ID"] == "from-the-client.1"
    made = client.get("/health/live", headers={"X-Request-ID": 'no "id"'})
    assert len(made.headers["X-Request-ID"]) == 32
    until(lambda: made.headers["X-Request-ID"] in site.log)


def test_the_log_names_nobody(client: httpx.Client, site: Front) -> None:
    sought = {"filter": "familyName='Yamada'"}
    headers = {**KEYED, "Referer": "https://x.example/?q=Suzuki", "X-Request-ID": "named"}
    client.get(ORGS, params=sought, headers=headers)
    until(lambda: "named" in site.log)
    assert not [word for word in ("Yamada", "Suzuki", KEY, "filter") if word in site.log]


def test_an_upload_goes_through(client: httpx.Client) -> None:
    upload = {"file": ("orgs.csv", csv_file("orgs", board()["orgs"]))}
    assert client.post("/api/v1.2/csv/import/orgs", files=upload, headers=KEYED).status_code == 202


def test_an_upload_that_is_too_large_is_refused_before_it_is_sent(site: Front) -> None:
    size = 20_000_000
    assert size > UPLOAD_MAX_SIZE
    head = (
        f"POST /api/v1.2/csv/import/orgs HTTP/1.1\r\nHost: {NAME}\r\nX-API-Key: {KEY}\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {size}\r\n\r\n--b\r\n"
    )
    with handshake(site, ssl.TLSVersion.TLSv1_3) as connection:
        connection.sendall(head.encode())
        answer = connection.recv(65_536).decode()
    assert answer.startswith("HTTP/1.1 413 ")
    assert "CSV_UPLOAD_MAX_SIZE" in answer


def test_what_nginx_itself_refuses_is_said_as_the_api_would(
    nginx: str, apis: list[Api], tmp_path_factory: pytest.TempPathFactory
) -> None:
    servers = [apis[0].url.removeprefix("http://")]
    root = tmp_path_factory.mktemp("small")
    with front(root, nginx, servers, CSV_UPLOAD_MAX_SIZE="1000") as small, small.client() as client:
        assert minor(client.post(ORGS, content=b"x" * 2_000_000)) == (413, "invaliddata")


def test_without_an_api_server_clients_are_told_to_come_back(
    nginx: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("alone")
    with front(root, nginx, ["127.0.0.1:9"]) as alone, alone.client() as client:
        for method in ("GET", "POST"):
            answer = client.request(method, ORGS)
            assert minor(answer) == (503, "server_busy")
            assert answer.headers["Retry-After"] == "5"


@pytest.fixture
def maintenance(site: Front) -> Iterator[Front]:
    site.drop("maintenance.conf", MAINTENANCE)
    site.restart()
    yield site
    with contextlib.suppress(FileNotFoundError):
        (site.folder / "maintenance.conf").unlink()
    site.restart()


def test_maintenance_mode_is_a_file_and_a_restart_away(maintenance: Front) -> None:
    with maintenance.client() as client:
        for host in (NAME, "rosterhub.internal", "_", "127.0.0.1"):
            for url in (maintenance.url, maintenance.plain_url):
                for path in ("/health", ORGS, "/console"):
                    answer = client.get(f"{url}{path}", headers={"Host": host, **KEYED})
                    assert (answer.status_code, answer.text) == (503, MAINTENANCE_TEXT)

        (maintenance.folder / "maintenance.conf").unlink()
        maintenance.restart()
        assert client.get(ORGS, headers=KEYED).status_code == 200
        assert client.get(f"{maintenance.plain_url}/").status_code == 301


def test_an_address_can_be_shut_out(site: Front) -> None:
    site.drop("blocked.conf", "deny 127.0.0.5;\n")
    site.restart()
    try:
        with site.client("127.0.0.5") as blocked, site.client("127.0.0.6") as other:
            for method in ("GET", "POST"):
                assert blocked.request(method, ORGS, headers=KEYED).status_code == 403
            assert other.get(ORGS, headers=KEYED).status_code == 200
    finally:
        (site.folder / "blocked.conf").unlink()
        site.restart()


def test_behind_another_proxy_its_word_on_the_address_counts(site: Front) -> None:
    site.drop("real-ip.conf", "set_real_ip_from 127.0.0.6;\nreal_ip_header X-Forwarded-For;\n")
    site.restart()
    try:
        for source, seen in (("127.0.0.6", "203.0.113.9"), ("127.0.0.5", "127.0.0.5")):
            headers = {"X-Forwarded-For": "203.0.113.9", "X-Request-ID": f"from-{source}"}
            with site.client(source) as client:
                client.get("/health/live", headers=headers)
            until(lambda: f"from-{source}" in site.log)  # noqa: B023 (called at once)
            [line] = [line for line in site.log.splitlines() if f"from-{source}" in line]
            assert line.startswith(f"{seen} - - ")
    finally:
        (site.folder / "real-ip.conf").unlink()
        site.restart()


def test_a_new_certificate_counts_after_a_restart(site: Front) -> None:
    with handshake(site, ssl.TLSVersion.TLSv1_3) as connection:
        before = connection.getpeercert(binary_form=True)
    certificate(site.root / "ssl")
    site.restart()
    with handshake(site, ssl.TLSVersion.TLSv1_3) as connection:
        assert connection.getpeercert(binary_form=True) != before
