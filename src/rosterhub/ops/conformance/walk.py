"""What a walk has seen of a server: samples, pages and single objects, each asked for once.

Checks share it, so that they stay few requests. It judges nothing; what came instead of a page is
kept as a `problem` in words.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar, cast
from uuid import uuid4

from rosterhub.model.operations import Operation
from rosterhub.ops.conformance import answers, shapes
from rosterhub.ops.conformance.answers import Malformed, Object
from rosterhub.ops.conformance.credentials import Pass
from rosterhub.ops.conformance.findings import Skip
from rosterhub.ops.conformance.shapes import Problem
from rosterhub.ops.conformance.target import Target
from rosterhub.ops.conformance.wire import Answer, NoAnswer, Wire, query

PAGE = 100
"""The largest page that is asked for, the standard's default."""

NOT_SERVED = (403, 404, 501)
"""What says that a server does not have an operation, or not for us."""

_MOST_PAGES = 5
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Read:
    """An answer that should be 200 with one member, and what that is; otherwise `problem` says
    what came.
    """

    answer: Answer
    value: Any = None
    problem: str = ""

    @property
    def url(self) -> str:
        """What was asked for."""
        return self.answer.url

    @property
    def items(self) -> list[Object]:
        """The objects of a collection."""
        value: object = self.value
        listed = cast("list[object]", value) if isinstance(value, list) else []
        return [cast("Object", item) for item in listed if isinstance(item, dict)]

    @property
    def ids(self) -> list[str]:
        """Their sourcedIds."""
        return [i for i in (item.get("sourcedId") for item in self.items) if isinstance(i, str)]

    @property
    def total(self) -> int | None:
        """X-Total-Count, None where there is no number."""
        text = self.answer.headers.get("X-Total-Count", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


@dataclass(frozen=True, slots=True)
class Sample:
    """The first objects of a collection: `raw` whatever was listed, `objects` what has a sourcedId,
    by it. `complete` if there are no others.
    """

    first: Read
    raw: list[Any]
    objects: dict[str, Object]
    complete: bool


class Walk:
    """Reads from `target` through `wire`, up to `most` objects of a collection."""

    def __init__(self, target: Target, wire: Wire, entry: Pass, most: int) -> None:
        self.target = target
        self.wire = wire
        self.entry = entry
        self._most = most
        self._kept: dict[str, Any] = {}

    def kept(self, name: str, make: Callable[[], T]) -> T:
        """What `make` makes, made once for all who call it `name`."""
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]

    @cached_property
    def unknown(self) -> str:
        """A sourcedId that is nobody's."""
        return str(uuid4())

    def get(self, url: str) -> Answer:
        """A bare answer."""
        return self.wire.get(url, self.entry.headers())

    def error(self, url: str, *, anonymous: bool = False) -> Answer:
        """The answer to what should be refused, asked once; `anonymous` shows no credentials."""
        if anonymous:
            return self.kept(f"anonymous {url}", lambda: self.wire.get(url, {}))
        return self.kept(f"error {url}", lambda: self.get(url))

    def ask(self, operation: Operation, *ids: str, **parameters: str) -> Read:
        """A page, or one object."""
        url = query(self.target.url(operation, *ids), parameters)
        return self.at(url, operation.wrapper, dict if operation.single else list)

    def at(self, url: str, wrapper: str, kind: type) -> Read:
        """What is at a URL of this server."""
        answer = self.get(url)
        if answer.status != 200:
            return Read(answer, problem=f"the status is {answer.status}")
        try:
            return Read(answer, answers.wrapped(answer, wrapper, kind))
        except Malformed as error:
            return Read(answer, problem=str(error))

    def first(self, operation: Operation) -> Read:
        """The first page of a collection.

        Raises:
            Skip: the server does not have it.
        """

        def asked() -> Read:
            try:
                return self.ask(operation, limit=str(min(PAGE, self._most)))
            except NoAnswer as error:
                # Without this every check of the collection would wait for it again.
                return Read(Answer(error.url, 0, {}, b""), problem=str(error))

        found = self.kept(f"first {operation.id}", asked)
        if found.answer.status in NOT_SERVED:
            raise Skip(f"the server answers {found.answer.status} to this collection")
        return found

    def sample(self, operation: Operation) -> Sample:
        """The first objects of a collection.

        Raises:
            Skip: there are none to look at.
        """
        first = self.first(operation)
        if first.problem:
            raise Skip("its first page could not be read")
        return self.kept(f"sample {operation.id}", lambda: self._sampled(operation, first))

    def some(self, operation: Operation) -> Sample:
        """The same, with at least one object in it.

        Raises:
            Skip: there are none.
        """
        found = self.sample(operation)
        if not found.objects:
            raise Skip("the collection is empty")
        return found

    def problems(self, operation: Operation) -> list[tuple[str, Problem]]:
        """What is wrong with the sampled objects, each with the sourcedId of one."""
        entity, version = operation.kind.entity, operation.version
        raw = self.sample(operation).raw
        return self.kept(
            f"problems {operation.id}",
            lambda: [(_name(i), p) for i in raw for p in shapes.problems(i, entity, version)],
        )

    def served(self, service: str) -> Operation:
        """The first collection of a service that holds anything, or at least can be read.

        Raises:
            Skip: there is none.
        """
        readable = [o for o in self.collections(service) if self.sampled(o.collection)]
        if not readable:
            raise Skip("no collection of this service can be read")
        return next((o for o in readable if self.sample(o).objects), readable[0])

    def _sampled(self, operation: Operation, first: Read) -> Sample:
        limit = min(PAGE, self._most)
        raw, objects, page = list(first.value), dict[str, Object](), first
        objects.update(_by_id(first))
        complete = False
        while len(raw) < self._most:
            if self._is_last(page, len(raw), limit):
                complete = True
                break
            page = self.ask(operation, limit=str(limit), offset=str(len(raw)))
            news = {i: one for i, one in _by_id(page).items() if i not in objects}
            if page.problem or (page.value and not news):
                # Checks of paging say what is wrong there.
                break
            raw += page.value
            objects.update(news)
        else:
            complete = self._is_last(page, len(raw), limit)
        return Sample(first, raw, objects, complete)

    def _is_last(self, page: Read, seen: int, limit: int) -> bool:
        """Whether nothing follows: a server may give less than was asked for."""
        if not page.value:
            return True
        if page.total is not None and page.total > seen:
            return False
        return len(page.value) < limit or page.total == seen

    def pages(self, operation: Operation) -> list[Read]:
        """A few small pages from the beginning, each by the `next` of the one before.

        Raises:
            Skip: there is not even one object.
        """
        limit = str(self.small(operation))

        def asked() -> list[Read]:
            found = [self.ask(operation, limit=limit)]
            while len(found) < _MOST_PAGES:
                after = answers.links(found[-1].answer).get("next")
                if after is None:
                    break
                found.append(self.at(self.target.here(after.url), operation.wrapper, list))
            return found

        return self.kept(f"pages {operation.id}", asked)

    def small(self, operation: Operation) -> int:
        """The limit with which the sample takes about three pages."""
        return (len(self.some(operation).raw) + 2) // 3

    def reference(self, url: str, wrapper: str) -> Read:
        """What a reference leads to, asked once."""
        return self.kept(
            f"reference {wrapper} {url}", lambda: self.at(self.target.here(url), wrapper, dict)
        )

    def collections(self, service: str | None = None) -> Iterator[Operation]:
        """The collections of a service, or of all that are walked."""
        for operation in self.target.operations:
            whole = not operation.parents and not operation.single
            if whole and service in (None, operation.service):
                yield operation

    def collection(self, name: str) -> Operation | None:
        """The collection that paths call `name`, if it is walked."""
        return next((o for o in self.collections() if o.collection == name), None)

    def single(self, operation: Operation) -> Operation:
        """The operation that reads one object of a collection."""
        return next(
            o
            for o in self.target.operations
            if o.single and not o.parents and o.collection == operation.collection
        )

    def sampled(self, name: str) -> Sample | None:
        """The sample of the collection that paths call `name`, None where there is none."""
        operation = self.collection(name)
        try:
            return self.sample(operation) if operation else None
        except Skip:
            return None


def _name(item: object) -> str:
    """The sourcedId of an object, as far as it has one."""
    found = cast("Object", item).get("sourcedId") if isinstance(item, dict) else None
    return found if isinstance(found, str) else "(without sourcedId)"


def _by_id(page: Read) -> dict[str, Object]:
    found: dict[str, Object] = {}
    for item in page.items:
        sourced_id = item.get("sourcedId")
        if isinstance(sourced_id, str) and sourced_id:
            found.setdefault(sourced_id, item)
    return found
