"""Write what a hub is made of as CycloneDX, from the lock file: `make sbom`. Needs no network.

It names what is installed, with the hashes that the installation insists on; not what the base
image of the container brings.
"""

import re
import sys
from pathlib import Path
from typing import NamedTuple

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

import rosterhub

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"

_PINNED = re.compile(
    r"^([0-9A-Za-z._-]+)==([^ ;\\]+)(?: ; ([^\\\n]*?))? \\\n((?:    .*\n)+)", re.MULTILINE
)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_VIA = re.compile(r"^    # (?:  |via )([0-9A-Za-z._-]+)", re.MULTILINE)


def main() -> None:
    """Write the file that is named, or standard output."""
    text = document(LOCK.read_text("utf-8"))
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text, "utf-8")
    else:
        sys.stdout.write(text)


def document(lock: str) -> str:
    """The inventory of a lock file, as JSON."""
    bom = Bom()
    bom.metadata.component = Component(
        name="rosterhub", version=rosterhub.__version__, type=ComponentType.APPLICATION
    )
    itself = bom.metadata.component
    pins = [_Pin(*found) for found in _PINNED.findall(lock)]
    components = {pin: _component(pin) for pin in pins}
    bom.components.update(components.values())
    for parent in {"rosterhub", *(pin.name for pin in pins)}:
        children = [c for pin, c in components.items() if parent in _VIA.findall(pin.rest)]
        for one in [itself, *components.values()]:
            if one.name == parent:
                bom.register_dependency(one, children)
    return JsonV1Dot6(bom).output_as_string(indent=2)


class _Pin(NamedTuple):
    """A package of the lock file; `rest` holds its hashes, and who needs it."""

    name: str
    version: str
    marker: str
    rest: str


def _component(pin: _Pin) -> Component:
    purl = PackageURL("pypi", None, pin.name, pin.version)
    return Component(
        name=pin.name,
        version=pin.version,
        type=ComponentType.LIBRARY,
        purl=purl,
        bom_ref=str(purl),
        description=f"where {pin.marker}" if pin.marker else None,
        # Of every file that may be installed: which one depends on the machine.
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=h) for h in _HASH.findall(pin.rest)],
    )


if __name__ == "__main__":
    main()
