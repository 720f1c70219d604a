"""The services of OneRoster that we serve: their operations, and where their documents are found.

One table for discovery, OpenAPI, `/docs` and the command line.
"""

from dataclasses import dataclass
from types import MappingProxyType

from rosterhub.model.objects import Version
from rosterhub.model.operations import OPERATIONS, OPERATIONS_11, Operation


@dataclass(frozen=True, slots=True)
class Service:
    """What one discovery document describes; `files` are its names (spec/rest.md, "Base paths")."""

    name: str
    title: str
    version: Version
    operations: tuple[Operation, ...]
    files: tuple[str, ...]

    @property
    def bases(self) -> tuple[str, ...]:
        """Where the service is served: the standard's base first, then ours."""
        return self.operations[0].bases

    @property
    def discovery(self) -> str:
        """The path of its discovery document."""
        return f"{self.bases[0]}/discovery/{self.files[0]}"


def _service(name: str, word: str) -> Service:
    return Service(
        name,
        f"OneRoster 1.2 {name.capitalize()}",
        "1.2",
        tuple(o for o in OPERATIONS if o.service == name),
        (
            f"onerosterv1p2{word}service_openapi3_v1p0.json",
            f"imsorv1p2_{name}_openapi3_v1p0.json",
        ),
    )


SERVICES: MappingProxyType[str, Service] = MappingProxyType(
    {
        service.name: service
        for service in (
            _service("rostering", "rosters"),
            _service("gradebook", "gradebook"),
            _service("resources", "resources"),
            Service(
                "v1p1",
                "OneRoster 1.1",
                "1.1",
                OPERATIONS_11,
                ("onerosterv1p1_openapi3_v1p0.json",),
            ),
        )
    }
)
"""Every service by its name."""

HOUSE = "house"
"""The document of what is ours, beside theirs."""

DOCUMENTS = (*SERVICES, HOUSE)
"""The names of all documents."""
