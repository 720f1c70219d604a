"""The places a OneRoster service is served at (spec/rest.md, "Base paths")."""

from types import MappingProxyType

from rosterhub.model.entities import ENTITIES

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


def path_of(entity: str) -> str:
    """The path of an entity's collection, below which each object has its own."""
    return f"{BASES[ENTITIES[entity].service]}/{entity}"
