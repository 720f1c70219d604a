"""How many database connections the API has and uses, for `/metrics` (docs/watching.md).

Each process notes its own every few seconds, so that whichever is asked knows them all.
"""

import asyncio

from prometheus_client import Counter, Gauge

from rosterhub.store.connect import Pool, Pools

_connections = Gauge(
    "rosterhub_pool_connections",
    "Connections of the API's pools to the database.",
    ("pool", "state"),
    multiprocess_mode="livesum",
)
_connections_max = Gauge(
    "rosterhub_pool_connections_max",
    "How many they may have.",
    ("pool",),
    multiprocess_mode="livesum",
)
_pool_waiting = Gauge(
    "rosterhub_pool_requests_waiting",
    "Requests that wait for a connection.",
    ("pool",),
    multiprocess_mode="livesum",
)
_pool_errors = Counter(
    "rosterhub_pool_errors", "Requests that got no connection in time.", ("pool",)
)
_reads_from_replica = Gauge(
    "rosterhub_reads_from_replica",
    "API processes that read from the replica just now.",
    multiprocess_mode="livesum",
)
_LEVEL_SECONDS = 5.0


class Levels:
    """How full the pools of this process are; `house` is that of keys and the audit log."""

    def __init__(self, pools: Pools, house: Pool) -> None:
        self._of_reads = pools
        named = {
            "primary": pools.primary,
            "replica": pools.replica,
            "write": pools.write,
            "house": house,
        }
        self._pools = {name: pool for name, pool in named.items() if pool}
        self._errors = dict.fromkeys(self._pools, 0)

    async def keep(self) -> None:
        """Note the levels every few seconds, so that the process that is asked knows all."""
        while True:
            self.note()
            await asyncio.sleep(_LEVEL_SECONDS)

    def note(self) -> None:
        """Note them now."""
        _reads_from_replica.set(self._of_reads.replica is not None and self._of_reads.follows)
        for name, pool in self._pools.items():
            stats = pool.get_stats()
            size, idle = stats["pool_size"], stats["pool_available"]
            _connections.labels(name, "idle").set(idle)
            _connections.labels(name, "in use").set(size - idle)
            _connections_max.labels(name).set(stats["pool_max"])
            _pool_waiting.labels(name).set(stats["requests_waiting"])
            errors = stats.get("requests_errors", 0)
            _pool_errors.labels(name).inc(errors - self._errors[name])
            self._errors[name] = errors
