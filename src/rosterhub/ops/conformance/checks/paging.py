"""Pages: limit, offset, X-Total-Count, and the links from one to the next."""

from collections.abc import Iterator

from rosterhub.ops.conformance.answers import header, links
from rosterhub.ops.conformance.findings import Check, Finding, Skip, Subject
from rosterhub.ops.conformance.walk import Read, Walk

_BEYOND = 1_000_000_000
_LARGE = 10_000


def _limit(walk: Walk, subject: Subject) -> Iterator[Finding]:
    limit = walk.small(subject.read)
    page = walk.pages(subject.read)[0]
    if page.problem:
        yield Finding(page.problem, page.url)
    elif len(page.value) != limit:
        yield Finding(f"limit={limit} brought {len(page.value)} objects", page.url)


def _large(walk: Walk, subject: Subject) -> Iterator[Finding]:
    operation = walk.served(subject.service)
    page = walk.ask(operation, limit=str(_LARGE), fields="sourcedId")
    if page.problem:
        yield Finding(page.problem, page.url)


def _offset(walk: Walk, subject: Subject) -> Iterator[Finding]:
    sample, limit = walk.some(subject.read), walk.small(subject.read)
    if len(sample.objects) <= limit:
        raise Skip("one object is too few for a second page")
    before = walk.pages(subject.read)[0]
    page = walk.ask(subject.read, limit=str(limit), offset=str(limit))
    if page.problem:
        yield Finding(page.problem, page.url)
    elif not page.value:
        yield Finding(f"offset={limit} brought nothing", page.url)
    elif both := set(before.ids[:limit]) & set(page.ids):
        came = f"{len(both)} objects of the first page stand on the second too"
        yield Finding(came, page.url, min(both))


def _beyond(walk: Walk, subject: Subject) -> Iterator[Finding]:
    page = walk.ask(walk.served(subject.service), offset=str(_BEYOND))
    if page.problem:
        yield Finding(page.problem, page.url)
    elif page.value:
        yield Finding(f"offset={_BEYOND} brought {len(page.value)} objects", page.url)
    elif "next" in links(page.answer):
        yield Finding("there is a next page", page.url)


def _total(walk: Walk, subject: Subject) -> Iterator[Finding]:
    sample = walk.sample(subject.read)
    pages = [sample.first]
    if sample.objects:
        pages += [page for page in walk.pages(subject.read) if not page.problem]
    for page in pages:
        if page.total is None:
            yield Finding(f"X-Total-Count is {header(page.answer, 'X-Total-Count')}", page.url)
        elif sample.complete and page.total != len(sample.objects):
            came = f"X-Total-Count is {page.total}, and there are {len(sample.objects)} objects"
            yield Finding(came, page.url)
        elif page.total < len(sample.objects):
            came = f"X-Total-Count is {page.total}, and {len(sample.objects)} were listed"
            yield Finding(came, page.url)


def _next(walk: Walk, subject: Subject) -> Iterator[Finding]:
    sample, seen = walk.some(subject.read), set[str]()
    for page in walk.pages(subject.read):
        if page.problem:
            yield Finding(f"what next leads to cannot be read: {page.problem}", page.url)
            return
        new = set(page.ids) - seen
        seen |= new
        after = links(page.answer).get("next")
        rest = sample.objects.keys() - seen
        if after is None and rest:
            yield Finding(
                f"there is no next, though {len(rest)} objects are still to come", page.url
            )
        elif after and not after.absolute:
            yield Finding("next is no absolute URL", page.url, value=after.written)
        elif after and sample.complete and not rest and new:
            yield Finding("there is a next, though these are the last objects", page.url)


def _once(walk: Walk, subject: Subject) -> Iterator[Finding]:
    seen = dict[str, str]()
    for page in walk.pages(subject.read):
        for sourced_id in page.ids:
            if sourced_id in seen:
                yield Finding("it was on an earlier page already", page.url, sourced_id)
            seen[sourced_id] = page.url


def _others(walk: Walk, subject: Subject) -> Iterator[Finding]:
    pages = [page for page in walk.pages(subject.read) if not page.problem]
    for number, page in enumerate(pages):
        found = links(page.answer)
        if number == 0 and "prev" in found:
            yield Finding("the first page has a prev", page.url)
        if number > 0 and "prev" not in found:
            yield Finding("a page after the first has no prev", page.url)
        for rel in ("first", "last"):
            if len(pages) > 1 and rel not in found:
                yield Finding(f"there is no {rel}", page.url)
        for rel in ("prev", "first", "last"):
            if rel in found and not found[rel].absolute:
                yield Finding(f"{rel} is no absolute URL", page.url, value=found[rel].written)


def _places(walk: Walk, subject: Subject) -> Iterator[Finding]:
    limit, seen = walk.small(subject.read), 0
    pages = [page for page in walk.pages(subject.read) if not page.problem]
    if not any("next" in links(page.answer) for page in pages):
        raise Skip("there is no next page")
    for page in pages:
        seen += len(page.value)
        after = links(page.answer).get("next")
        if after:
            given = after.parameters
            wanted = {"limit": str(limit), "offset": str(seen)}
            for name, value in wanted.items():
                if given.get(name) != value:
                    came = f"next has {name}={given.get(name, '')[:20]}, not {value}"
                    yield Finding(came, page.url)


def _kept(walk: Walk, subject: Subject) -> Iterator[Finding]:
    if len(walk.some(subject.read).objects) < 2:
        raise Skip("one object is too few for a second page")
    page = walk.ask(subject.read, limit="1", fields="sourcedId")
    after = links(page.answer).get("next")
    if page.problem or after is None or not _only_ids(page):
        raise Skip("fields=sourcedId brought no first page of sourcedIds with a next")
    following = walk.at(walk.target.here(after.url), subject.read.wrapper, list)
    if following.problem:
        yield Finding(following.problem, following.url)
    elif not _only_ids(following):
        yield Finding("the page after one with fields=sourcedId shows more", following.url)


def _only_ids(page: Read) -> bool:
    return all(list(item) == ["sourcedId"] for item in page.items)


CHECKS = (
    Check("paging.limit", "collection", "A page has as many objects as limit says.", _limit),
    Check(
        "paging.offset",
        "collection",
        "With offset a page begins after the one before, and shares nothing with it.",
        _offset,
    ),
    Check(
        "paging.total",
        "collection",
        "X-Total-Count is the number of all objects, on every page.",
        _total,
    ),
    Check(
        "paging.next",
        "collection",
        "The link next, absolute, leads from page to page as long as there are objects.",
        _next,
    ),
    Check(
        "paging.once",
        "collection",
        "Who follows next sees no object twice.",
        _once,
    ),
    Check(
        "paging.other-links",
        "collection",
        "Pages link to first and last, and all but the first to prev.",
        _others,
        "warning",
    ),
    Check(
        "paging.link-values",
        "collection",
        "The link next carries the limit and offset of the page that it leads to.",
        _places,
        "warning",
    ),
    Check(
        "paging.link-parameters",
        "collection",
        "The link next keeps the other parameters.",
        _kept,
    ),
    Check(
        "paging.large-limit",
        "service",
        f"limit={_LARGE} is answered, if with fewer objects.",
        _large,
    ),
    Check(
        "paging.beyond",
        "service",
        "An offset beyond the last object brings an empty array.",
        _beyond,
    ),
)
