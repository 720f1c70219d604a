"""The places a OneRoster service is served at (spec/rest.md, "Base paths")."""

from types import MappingProxyType

from rosterhub.model.entities import RECORDS
from rosterhub.model.objects import Version

BASES = MappingProxyType(
    {
        "rostering": "/ims/oneroster/rostering/v1p2",
        "gradebook": "/ims/oneroster/gradebook/v1p2",
        "resources": "/ims/oneroster/resources/v1p2",
    }
)
"""The base path of each service of OneRoster 1.2."""

ALIAS = "/api/v1.2"
"""The short second base of the rostering service, which the operations manual uses."""


V1P1 = "/ims/oneroster/v1p1"
"""The base of all three services of OneRoster 1.1."""


def path_of(entity: str, version: Version = "1.2") -> str:
    """The path of an entity's collection, below which each object has its own."""
    base = V1P1 if version == "1.1" else BASES[RECORDS[entity].service]
    return f"{base}/{entity}"
