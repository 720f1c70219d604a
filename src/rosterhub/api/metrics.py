"""Counts requests and how long they took, for `/metrics` (docs/watching.md).

On the path of every request, so it does the least it can.
"""

from functools import lru_cache

from prometheus_client import Counter, Histogram, disable_created_metrics

disable_created_metrics()

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_requests = Counter("rosterhub_requests", "Requests answered.", ("endpoint", "method", "status"))
_seconds = Histogram(
    "rosterhub_request_seconds",
    "How long requests took.",
    ("endpoint", "method"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)


def observe(endpoint: str, method: str, status: int, seconds: float) -> None:
    """Count one request; `endpoint` is a route's template, so there are few."""
    count, duration = _series(endpoint, method if method in _METHODS else "OTHER", status)
    count.inc()
    duration.observe(seconds)


# Looking up a labelled series costs more than counting in it.
@lru_cache(4096)
def _series(endpoint: str, method: str, status: int) -> tuple[Counter, Histogram]:
    return _requests.labels(endpoint, method, status), _seconds.labels(endpoint, method)
