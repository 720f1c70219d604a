"""The URL this server is reached at, which every link and reference begins with."""

import re
from functools import lru_cache

from starlette.requests import Request

from rosterhub.api.hub import hub

_HOST = re.compile(r"[0-9A-Za-z._-]{1,255}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")


def root(request: Request) -> str:
    """Scheme and host without a slash at the end: PUBLIC_URL, else what the client called us by."""
    public = hub(request).settings.public_url
    if public:
        return public.rstrip("/")
    scope = request.scope
    host = next((value for name, value in scope["headers"] if name == b"host"), b"")
    return _called(scope["scheme"], host, tuple(scope["server"] or ("localhost", None)))


@lru_cache(256)
def _called(scheme: str, host: bytes, server: tuple[str, int | None]) -> str:
    """The root by the Host header, where that is a host's name at all; it ends up in JSON."""
    name = host.decode("latin-1")
    if not _HOST.fullmatch(name):
        name = server[0] if server[1] is None else f"{server[0]}:{server[1]}"
    return f"{scheme}://{name}"
