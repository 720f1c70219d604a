"""Paths of the API as a client writes them, and what its Link headers say."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlsplit

import httpx


def at(path: str, *ids: str) -> str:
    """`path` with its `{…}` replaced by `ids`, each escaped as one segment."""
    rest = list(ids)
    parts = [quote(rest.pop(0), safe="@") if s.startswith("{") else s for s in path.split("/")]
    assert not rest
    return "/".join(parts)


@dataclass(frozen=True, slots=True)
class Link:
    """A link's whole URL, and what is in it."""

    url: str
    base: str
    parameters: dict[str, str]

    @property
    def place(self) -> tuple[int, int]:
        """Its limit and offset."""
        return int(self.parameters["limit"]), int(self.parameters["offset"])


_LINK = re.compile(r'<([^<>" ]+)>; rel="([a-z]+)"')


def links(answer: httpx.Response) -> dict[str, Link]:
    """The links of an answer by their rel; each has to be a well-formed absolute URL."""
    found: dict[str, Link] = {}
    for part in answer.headers["Link"].split(", "):
        whole = _LINK.fullmatch(part)
        assert whole, part
        url, rel = whole.groups()
        split = urlsplit(url)
        assert split.scheme in ("http", "https")
        assert split.netloc
        assert rel not in found
        pairs = parse_qsl(split.query, keep_blank_values=True, strict_parsing=True)
        assert len(dict(pairs)) == len(pairs)
        base = f"{split.scheme}://{split.netloc}{split.path}"
        found[rel] = Link(url, base, dict(pairs))
    return found
