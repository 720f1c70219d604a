"""`/metrics`: the numbers of all API processes of this machine, and those of the whole hub once.

Several processes share theirs through the files of `PROMETHEUS_MULTIPROC_DIR`, which has to be set
before a process starts. Answers within two seconds whatever hangs, and needs no key.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Metric,
    generate_latest,
    multiprocess,
)
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from rosterhub.api.hub import hub


async def metrics(request: Request) -> Response:
    """The numbers of all processes of this machine and of the hub, in Prometheus' text format."""
    shared = hub(request)
    shared.levels.note()
    request.app.state.notes.write()
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        _forget_the_dead(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]))
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
    whole = CollectorRegistry()
    whole.register(_Seen(await shared.whole.look()))
    text = generate_latest(registry) + generate_latest(whole)
    return Response(text, media_type=CONTENT_TYPE_LATEST)


@dataclass(frozen=True, slots=True, eq=False)
class _Seen(Collector):
    found: list[Metric]

    def collect(self) -> list[Metric]:
        return self.found


def _forget_the_dead(folder: Path) -> None:
    """What a process that was killed had in use, it has no more."""
    for file in folder.glob("gauge_live*_*.db"):
        pid = int(file.stem.rpartition("_")[2])
        if not Path(f"/proc/{pid}").exists():
            multiprocess.mark_process_dead(pid, str(folder))  # pyright: ignore[reportUnknownMemberType]
