"""Plain routes found by their segments: as quick for the two-hundredth route as for the first.

OneRoster has some two hundred paths; trying a regular expression each would cost more than a
short read. Segments are split before they are unquoted, so an id may hold a slash (`%2F`). Some
clients end each path with a slash: what can be read without it can be read with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send


@dataclass(slots=True)
class _Node:
    """What may follow the segments so far: literals, a parameter, or the end of some routes."""

    literals: "dict[str, _Node]" = field(default_factory=lambda: {})
    parameter: "_Node | None" = None
    ending: "list[tuple[Route, tuple[str, ...]]]" = field(default_factory=lambda: [])


class PlainRoutes(BaseRoute):
    """`routes`, whose paths are made of literal segments and whole-segment parameters."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = list(routes)
        self._root = _Node()
        for route in self.routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        node = self._root
        names: list[str] = []
        for segment in _segments(route.path):
            if not segment.startswith("{"):
                node = node.literals.setdefault(segment, _Node())
                continue
            if ":" in segment or not segment.endswith("}"):
                raise ValueError(f"{route.path} is no plain route: {segment}")
            names.append(segment[1:-1])
            node.parameter = node.parameter or _Node()
            node = node.parameter
        node.ending.append((route, tuple(names)))

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """The route of this path and method, else one of this path."""
        if scope["type"] != "http":
            return Match.NONE, {}
        raw = scope.get("raw_path")
        segments = _segments(raw.decode("ascii") if raw else quote(scope["path"]))
        slash = len(segments) > 1 and not segments[-1] and segments[0]
        if slash:
            segments.pop()
        values: list[str] = []
        found = _straight(self._root, segments, values) or _find(self._root, segments, 0, values)
        if slash:
            found = [end for end in found if end[0].methods and "GET" in end[0].methods]
        if not found:
            return Match.NONE, {}
        method = scope["method"]
        takes = [end for end in found if end[0].methods is None or method in end[0].methods]
        route, names = (takes or found)[0]
        if b"%" in (raw or b"%"):
            values = [unquote(value) for value in values]
        params = dict(zip(names, values, strict=True))
        child: Scope = {"endpoint": route.endpoint, "path_params": params, "route": route}
        if slash and takes and raw:
            child["raw_path"] = raw[:-1]
        return Match.FULL if takes else Match.PARTIAL, child

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request by the route that `matches` found."""
        route: Route = scope["route"]
        if route.methods is not None and scope["method"] not in route.methods:
            raise HTTPException(405)
        await route.app(scope, receive, send)


def _segments(path: str) -> list[str]:
    return path.split("/")[1:]


def _straight(
    node: _Node, segments: list[str], values: list[str]
) -> list[tuple[Route, tuple[str, ...]]]:
    """What `_find` finds where no literal leads astray: nearly always."""
    for segment in segments:
        following = node.literals.get(segment)
        if following is None:
            following = node.parameter
            if following is None or not segment:
                break
            values.append(segment)
        node = following
    else:
        if node.ending:
            return node.ending
    values.clear()
    return []


def _find(
    node: _Node, segments: list[str], at: int, values: list[str]
) -> list[tuple[Route, tuple[str, ...]]]:
    """The routes that end with `segments`, a literal before a parameter, whose `values` it adds."""
    if at == len(segments):
        return node.ending
    segment = segments[at]
    literal = node.literals.get(segment)
    if literal and (found := _find(literal, segments, at + 1, values)):
        return found
    if node.parameter is None or not segment:
        return []
    values.append(segment)
    if not (found := _find(node.parameter, segments, at + 1, values)):
        values.pop()
    return found
