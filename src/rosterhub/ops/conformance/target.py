"""Where the services of a server are, from the one URL that a check is given.

The URL may be the server's root, the base of a service, or a discovery document. Only the last is
asked for here, without credentials.
"""

import ipaddress
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from rosterhub.model.objects import Version
from rosterhub.model.operations import OPERATIONS, OPERATIONS_11, Operation
from rosterhub.model.services import ALIAS, BASES, V1P1
from rosterhub.ops.conformance.credentials import document
from rosterhub.ops.conformance.wire import NoAnswer, Wire

SERVICES = tuple(BASES)
DOCUMENTS = {
    "rostering": ("onerosterv1p2rostersservice_openapi3_v1p0", "imsorv1p2_rostering_openapi3_v1p0"),
    "gradebook": (
        "onerosterv1p2gradebookservice_openapi3_v1p0",
        "imsorv1p2_gradebook_openapi3_v1p0",
    ),
    "resources": (
        "onerosterv1p2resourcesservice_openapi3_v1p0",
        "imsorv1p2_resources_openapi3_v1p0",
    ),
}
"""The names of a service's discovery document, below `/discovery/` (spec/rest.md)."""

_COMMON = "/ims/oneroster"
_BASE_12 = re.compile(rf"(?P<before>.*)/(?P<service>{'|'.join(SERVICES)})/v1p2")
_BASE_11 = re.compile(r"(?P<before>.*)/v1p1")


class BadUrl(ValueError):  # noqa: N818
    """The URL is none that a check can begin at; the text says what to give."""


@dataclass(frozen=True, slots=True)
class Target:
    """The bases of the services of one version; `root` is what all else is below."""

    version: Version
    root: str
    bases: dict[str, str]
    token_url: str | None = None

    @property
    def origin(self) -> tuple[str, str]:
        """Scheme and host."""
        parts = urlsplit(next(iter(self.bases.values())))
        return parts.scheme, parts.netloc

    @property
    def operations(self) -> tuple[Operation, ...]:
        """Every operation that reads from these services."""
        every = OPERATIONS if self.version == "1.2" else OPERATIONS_11
        return tuple(o for o in every if o.method == "GET" and o.service in self.bases)

    def url(self, operation: Operation, *ids: str) -> str:
        """The URL of an operation, each of `ids` as one segment of the path."""
        rest = iter(ids)
        filled = re.sub(r"\{\w+\}", lambda _: quote(next(rest), safe="@"), operation.path)
        return self.bases[operation.service] + filled

    def here(self, url: str) -> str:
        """`url` on this server, whatever host it names: credentials go nowhere else."""
        parts = urlsplit(url)
        scheme, host = self.origin
        return urlunsplit((scheme, host, parts.path, parts.query, ""))


def targets(
    url: str, services: Sequence[str], version: Version | None, wire: Wire, *, insecure: bool
) -> list[Target]:
    """What `url` may mean, the likeliest first; all that is said of services and version holds.

    Raises:
        BadUrl: it means nothing.
    """
    scheme, host, path, *_ = urlsplit(checked(url, insecure))
    plain = urlunsplit((scheme, host, path.rstrip("/"), "", ""))
    if urlsplit(plain).path.endswith(".json"):
        found = [_described(plain, wire, insecure)]
    else:
        found = list(_meant(plain))
    chosen = [_chosen(t, services, based=len(found) == 1) for t in found]
    fitting = [t for t in chosen if version in (None, t.version)]
    if not fitting:
        raise BadUrl(f"{url[:200]} is of OneRoster {found[0].version}, not {version}")
    return fitting


def checked(url: str, insecure: bool) -> str:
    """`url`, when credentials may be sent there.

    Raises:
        BadUrl: they may not, or it is no URL.
    """
    try:
        parts = urlsplit(url.strip())
        _ = parts.port
    except ValueError:
        raise BadUrl(f"{url[:200]!r} is no URL") from None
    if parts.username is not None:
        raise BadUrl("leave the credentials out of the URL")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadUrl(f"{url[:200]!r} is no URL that begins with https://")
    if parts.scheme == "http" and not (insecure or _loopback(parts.hostname)):
        raise BadUrl(
            f"http://{parts.hostname} would get the credentials in the clear; give https://…, or "
            "say --insecure-http on a network that you trust"
        )
    return urlunsplit(parts)


def token_url(target: Target, wire: Wire, *, insecure: bool) -> str:
    """Where tokens are: what the discovery document says, else where we have them ourselves."""
    if target.token_url:
        return target.token_url
    if target.version == "1.2":
        service, base = next(iter(target.bases.items()))
        for name in DOCUMENTS[service]:
            try:
                answer = wire.get(f"{base}/discovery/{name}.json", {})
            except NoAnswer:
                break
            found = _token_url(document(answer)) if answer.status == 200 else None
            if found:
                return checked(urljoin(answer.url, found), insecure)
    return f"{target.root}/oauth/token"


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _meant(url: str) -> Iterator[Target]:
    """The targets that a root or a base means."""
    if found := _BASE_12.fullmatch(url):
        root = found["before"].removesuffix(_COMMON)
        bases = {s: f"{found['before']}/{s}/v1p2" for s in SERVICES}
        # The one that was named comes first.
        yield Target("1.2", root, {found["service"]: url} | bases)
    elif found := _BASE_11.fullmatch(url):
        yield Target("1.1", found["before"].removesuffix(_COMMON), dict.fromkeys(SERVICES, url))
    elif url.endswith(ALIAS):
        root = url.removesuffix(ALIAS)
        others = {s: root + base for s, base in BASES.items() if s != "rostering"}
        yield Target("1.2", root, {"rostering": url, **others})
    else:
        yield Target("1.2", url, {s: url + base for s, base in BASES.items()})
        yield Target("1.1", url, dict.fromkeys(SERVICES, url + V1P1))


def _chosen(target: Target, services: Sequence[str], *, based: bool) -> Target:
    """The target with these services alone; with the one that its URL is the base of if none."""
    names = list(target.bases)
    if services:
        names = [s for s in SERVICES if s in services and s in target.bases]
        if lacking := [s for s in services if s not in target.bases]:
            raise BadUrl(f"where {lacking[0]} is cannot be told from this URL; give its own")
    elif based and target.version == "1.2":
        names = names[:1]
    bases = {name: target.bases[name] for name in names}
    return Target(target.version, target.root, bases, target.token_url)


def _described(url: str, wire: Wire, insecure: bool) -> Target:
    """The target that the discovery document at `url` describes."""
    answer = wire.get(url, {})
    if answer.status != 200:
        raise BadUrl(f"{url} answered {answer.status}, not with a discovery document")
    found = document(answer)
    service = _service(found)
    server = _server(found)
    if service is None or server is None:
        raise BadUrl(f"{url} holds no discovery document of OneRoster with servers and operations")
    base = checked(urljoin(url, server), insecure).rstrip("/")
    tokens = _token_url(found)
    target = next(_meant(base))
    if next(iter(target.bases.values())) != base:
        target = Target("1.2", base, {service: base})
    safe = checked(urljoin(url, tokens), insecure) if tokens else None
    return Target(target.version, target.root, target.bases, safe)


def _service(found: dict[str, Any]) -> str | None:
    """The service whose operations a document describes most of."""
    text = {
        str(operation.get("operationId"))
        for methods in _objects(found.get("paths"))
        for operation in _objects(methods)
    }
    count = {s: sum(o.id in text for o in OPERATIONS if o.service == s) for s in SERVICES}
    best = max(count, key=lambda service: count[service])
    return best if count[best] else None


def _server(found: dict[str, Any]) -> str | None:
    servers = found.get("servers")
    first = cast("list[object]", servers)[0] if isinstance(servers, list) and servers else None
    url = cast("dict[str, object]", first).get("url") if isinstance(first, dict) else None
    return url if isinstance(url, str) else None


def _token_url(found: dict[str, Any]) -> str | None:
    components = found.get("components")
    if not isinstance(components, dict):
        return None
    for scheme in _objects(cast("dict[str, Any]", components).get("securitySchemes")):
        flows: object = scheme.get("flows")
        if isinstance(flows, dict):
            flow: object = cast("dict[str, object]", flows).get("clientCredentials")
            url = cast("dict[str, object]", flow).get("tokenUrl") if isinstance(flow, dict) else 0
            if isinstance(url, str):
                return url
    return None


def _objects(value: object) -> Iterator[dict[str, Any]]:
    """The objects among the members of an object."""
    if isinstance(value, dict):
        for member in cast("dict[str, object]", value).values():
            if isinstance(member, dict):
                yield cast("dict[str, Any]", member)
