"""`rosterhub check`: nothing is wrong with our own server, and with others exactly what is."""

import json
import random
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from rosterhub.api.app import create_app
from rosterhub.model.operations import OPERATIONS
from rosterhub.ops.conformance import Client, Key, Options, Report, check
from rosterhub.ops.conformance.checks import CHECKS
from rosterhub.ops.conformance.report import FORMATS
from rosterhub.ops.conformance.wire import MAX_REQUESTS
from rosterhub.settings import Settings
from tests.checked import SECRETS, Exchange, Fault, Wrong, each, hub_to_check
from tests.gradebook_hub import Hub
from tests.hubs import ROSTERHUB, plain_environment
from tests.oauth import add_client
from tests.ports import deaf_port
from tests.serving import KEY, serving

Found = set[tuple[str, str]]
"""Subjects, and the checks that found something there."""


@pytest.fixture(scope="module")
def hub(fresh: Callable[[], AbstractContextManager[Settings]]) -> Iterator[Hub]:
    with fresh() as config, hub_to_check(config) as hub:
        yield hub


def command(
    *arguments: str, given: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """`rosterhub check`, with a pipe in place of the terminal."""
    return subprocess.run(
        [*ROSTERHUB, "check", *arguments],
        input=given,
        capture_output=True,
        text=True,
        env=plain_environment(**environment),
        timeout=60,
    )


def found(report: Report) -> Found:
    return {
        (r.subject.name, r.check.id) for r in report.results if r.outcome in ("failed", "warning")
    }


@contextmanager
def wrong(hub: Hub, faults: dict[str, Fault]) -> Iterator[tuple[str, Wrong]]:
    """The URL of a server like the hub but for the faults, and that server."""
    server = Wrong(create_app(hub.config), faults)
    with serving(hub.config, server) as client:
        yield str(client.base_url).rstrip("/"), server


# Our own server.


@pytest.fixture(scope="module")
def watched(hub: Hub) -> Iterator[tuple[Report, Wrong]]:
    """A client's walk over a server that is as it should be, and keeps what it was asked."""
    with wrong(hub, {}) as (url, server):
        yield check(Options(url, Client(*add_client(hub.config)))), server


@pytest.fixture(scope="module")
def walks(hub: Hub, watched: tuple[Report, Wrong]) -> dict[tuple[str, str], Report]:
    """By version and way in."""
    client = Client(*add_client(hub.config))
    return {
        ("1.2", "client"): watched[0],
        ("1.2", "key"): check(Options(hub.root, Key(KEY), "1.2")),
        ("1.1", "client"): check(Options(hub.root, client, "1.1")),
        ("1.1", "key"): check(Options(hub.root, Key(KEY), "1.1")),
    }


@pytest.mark.parametrize("version", ["1.2", "1.1"])
@pytest.mark.parametrize("way", ["key", "client"])
def test_nothing_is_wrong_with_our_own_server(
    walks: dict[tuple[str, str], Report], version: str, way: str
) -> None:
    report = walks[version, way]
    assert report.version == version
    assert found(report) == set()
    passed = {r.check.id for r in report.results if r.outcome == "passed"}
    unmade = {c.id for c in CHECKS if c.reach == "token" and way == "key"}
    if version == "1.1":
        # No object of OneRoster 1.1 has others with an enumeration in them.
        unmade.add("filter.within")
    assert passed == {c.id for c in CHECKS} - unmade


def test_nothing_is_sent_but_reads_and_requests_for_tokens(
    watched: tuple[Report, Wrong],
) -> None:
    report, server = watched
    sent = {(method, path) for method, path, _ in server.requests}
    assert {(m, p) for m, p in sent if m != "GET"} == {("POST", "/oauth/token")}
    assert len(server.requests) == report.requests < MAX_REQUESTS
    assert report.requests < 1_200
    assert all(
        headers["user-agent"].startswith("rosterhub-check/") for _, _, headers in server.requests
    )


def test_every_operation_that_reads_is_read(hub: Hub, watched: tuple[Report, Wrong]) -> None:
    _, server = watched
    asked = {path for _, path, _ in server.requests}
    for operation in (o for o in OPERATIONS if o.method == "GET"):
        pattern = operation.bases[0] + re.sub(r"\{\w+\}", "[^/]+", operation.path)
        assert any(re.fullmatch(pattern, path) for path in asked), operation.id


# Another server.


def _set(**values: Any) -> Callable[[dict[str, Any]], object]:
    return lambda item: item.update(values)


def _relative(item: dict[str, Any]) -> None:
    if "course" in item:
        item["course"]["href"] = "/ims/" + item["course"]["href"].partition("/ims/")[2]


def _bare(item: dict[str, Any]) -> None:
    if "primary" in item:
        item["primary"] = item["primary"] == "true"


def _rewrap(exchange: Exchange) -> None:
    exchange.body = {"gradingPeriods": exchange.objects}


def _miscount(exchange: Exchange) -> None:
    if "x-total-count" in exchange.headers and not exchange.query.get("filter"):
        exchange.headers["x-total-count"] = str(int(exchange.headers["x-total-count"]) + 1)


def _repeat(exchange: Exchange) -> None:
    """`next` leads to a page that begins with the last of this one."""
    link = exchange.headers.get("link", "")
    found = re.search(r"offset=(\d+)(&cursor=[^>]*)?>; rel=\"next\"", link)
    if found:
        again = f'offset={int(found[1]) - 1}>; rel="next"'
        exchange.headers["link"] = link.replace(found[0], again)


def _broken(exchange: Exchange) -> None:
    exchange.status, exchange.body = 500, {"oops": "Traceback"}


def _html(exchange: Exchange) -> None:
    exchange.headers["content-type"] = "text/html; charset=utf-8"


def _without(*names: str) -> Callable[[Exchange], None]:
    def asked(exchange: Exchange) -> None:
        for name in names:
            exchange.query.pop(name, None)

    return asked


def _all_classes(exchange: Exchange) -> None:
    exchange.path = exchange.path.partition("/courses/")[0] + "/classes"


def _one_less(exchange: Exchange) -> None:
    for held in (exchange.body or {}).values():
        if isinstance(held, list):
            del held[:1]
            exchange.headers["x-total-count"] = str(len(held))


FAULTS: dict[str, tuple[Fault, Found]] = {
    "a null": (
        each(_set(identifier=None), "orgs", "org"),
        {("/orgs", "object.null"), ("/schools", "object.null")},
    ),
    "an empty array": (
        each(_set(subjects=[]), "courses", "course"),
        {("/courses", "object.empty")},
    ),
    "a relative href": (
        each(_relative, "classes", "class"),
        {("/classes", "references.href")},
    ),
    "a bare boolean": (
        each(_bare, "enrollments", "enrollment"),
        {("/enrollments", "object.boolean")},
    ),
    "a required property that is missing": (
        each(lambda item: item.pop("schoolYear", None), "academicSessions", "academicSession"),
        {("/academicSessions", "object.required")},
    ),
    "a value of no enumeration": (
        each(_set(sex="Female"), "demographics"),
        {("/demographics", "object.enumeration"), ("/demographics", "filter.enumeration")},
    ),
    "a wrapper of another name": (
        Fault(_rewrap, paths=("v1p2/gradingPeriods",)),
        {("/gradingPeriods", "collection.wrapper")},
    ),
    "a total that is off by one": (
        Fault(_miscount, paths=("v1p2/users",)),
        {("/users", "paging.total")},
    ),
    "a next that repeats a record": (
        Fault(_repeat, paths=("v1p2/students",)),
        {("/students", "paging.once"), ("/students", "paging.link-values")},
    ),
    "filters that are ignored": (
        Fault(asked=_without("filter"), paths=("v1p2/teachers",)),
        {
            ("/teachers", f"filter.{name}")
            for name in (
                *("sourced-id", "status", "modified", "text", "boolean"),
                *("reference", "and", "or", "unknown-field"),
            )
        },
    ),
    "an inner error": (
        Fault(_broken, paths=("v1p2/terms",)),
        {("/terms", "collection.status")},
    ),
    "orders that are ignored": (
        Fault(asked=_without("sort", "orderBy"), paths=("v1p2/classes",)),
        {("/classes", f"sort.{name}") for name in ("ascending", "descending", "unknown-field")},
    ),
    "fields that are ignored": (
        Fault(asked=_without("fields"), paths=("v1p2/enrollments",)),
        {("/enrollments", "fields.selection"), ("/enrollments", "fields.unknown-field")},
    ),
    "a limit that is ignored": (
        Fault(asked=_without("limit"), paths=("v1p2/courses",)),
        {("/courses", "paging.limit")},
    ),
    "passwords": (
        each(_set(password="hunter2"), "users", "user"),
        {(path, "object.password") for path in ("/users", "/students", "/teachers")},
    ),
    "a nested path that shows others too": (
        Fault(asked=_all_classes, paths=tuple(f"/courses/course{n}/classes" for n in ("", 2, 3))),
        {("/courses/{courseSourcedId}/classes", "nested.own")},
    ),
    "a nested path that shows too few": (
        Fault(_one_less, paths=("/classes/class/students", "/classes/class2/students")),
        {
            ("/classes/{classSourcedId}/students", "nested.complete"),
            (
                "/schools/{schoolSourcedId}/classes/{classSourcedId}/students",
                "nested.complete",
            ),
        },
    ),
    "a number in quotes": (
        each(lambda item: item.update(weight=str(item["weight"])), "categories", "category"),
        {("/categories", "object.type")},
    ),
    "a day that does not exist": (
        each(_set(scoreDate="2026-02-30"), "results", "result"),
        {("/results", "object.date")},
    ),
    "times without milliseconds": (
        each(_set(assignDate="2026-04-10T00:00:00Z"), "lineItems", "lineItem"),
        {("/lineItems", "object.date-form")},
    ),
    "a property of its own": (
        each(_set(colour="red"), "scoreScales", "scoreScale"),
        {("/scoreScales", "object.unknown")},
    ),
    "references of another type": (
        each(lambda item: item["student"].update(type="class"), "assessmentResults"),
        {
            ("/assessmentResults", "object.reference"),
            ("/assessmentResults", "references.readable"),
            ("/assessmentResults", "single.same"),
        },
    ),
    "another content type": (
        Fault(_html, paths=("v1p2/assessmentLineItems",)),
        {("/assessmentLineItems", "collection.content-type")},
    ),
    "single objects that say something else": (
        each(_set(title="別の教材"), "resource"),
        {("/resources", "single.same")},
    ),
}
"""What can be wrong with a server, and what the check has to say of it, no less and no more."""


@pytest.fixture(scope="module")
def verdict(hub: Hub) -> Report:
    with wrong(hub, {name: fault for name, (fault, _) in FAULTS.items()}) as (url, _):
        return check(Options(url, Key(KEY), "1.2"))


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong_is_found(verdict: Report, name: str) -> None:
    _, expected = FAULTS[name]
    assert expected <= found(verdict)


def test_nothing_else_is_found(verdict: Report) -> None:
    expected = set[tuple[str, str]]().union(*(expected for _, expected in FAULTS.values()))
    assert found(verdict) - expected == set()


def test_oneroster_1_1_may_say_student_of_a_user(hub: Hub) -> None:
    specific = each(lambda item: item["student"].update(type="student"), "results", "result")
    with wrong(hub, {"": specific}) as (url, _):
        of_1_1, of_1_2 = (
            found(check(Options(url, Key(KEY), version, services=("gradebook",))))
            for version in ("1.1", "1.2")
        )
    assert of_1_1 == set()
    assert of_1_2 == {("/results", "object.reference")}


def test_errors_of_another_form_and_doors_that_are_open(hub: Hub) -> None:
    def reshaped(exchange: Exchange) -> None:
        if exchange.status >= 400:
            exchange.body = {"error": {"message": "no"}}

    def opened(exchange: Exchange) -> None:
        if exchange.status == 401:
            exchange.status, exchange.body = 200, {"resources": []}

    for fault, expected in (
        (reshaped, {("service", "errors.form")}),
        (
            opened,
            {("service", f"access.{name}-credentials") for name in ("without", "wrong")},
        ),
    ):
        with wrong(hub, {"": Fault(fault)}) as (url, _):
            for version in ("1.2", "1.1"):
                report = check(Options(url, Key(KEY), version, services=("resources",)))
                assert found(report) == expected


def test_a_token_endpoint_that_does_as_it_likes(hub: Hub) -> None:
    def changed(exchange: Exchange) -> None:
        if exchange.status == 200:
            exchange.body |= {"token_type": "mac", "expires_in": "3600"}
            del exchange.headers["cache-control"]
        else:
            exchange.status, exchange.body = 403, {"message": "no"}

    client = Client(*add_client(hub.config))
    with wrong(hub, {"": Fault(changed, paths=("/oauth/token",))}) as (url, _):
        report = check(Options(url, client, services=("resources",)))
    assert found(report) == {
        ("token", f"token.{name}")
        for name in ("answer", "cache", "wrong-secret", "wrong-grant", "wrong-scope")
    }


def test_a_token_endpoint_that_takes_no_basic(hub: Hub) -> None:
    """The check goes on by the form, and says so."""
    client = Client(*add_client(hub.config))
    server = Wrong(create_app(hub.config), {})

    async def deaf(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == "/oauth/token":
            headers = [(n, v) for n, v in scope["headers"] if n != b"authorization"]
            scope = {**scope, "headers": headers}
        await server(scope, receive, send)

    with serving(hub.config, deaf) as api:
        report = check(Options(str(api.base_url), client, services=("resources",)))
    assert found(report) == {("token", "token.basic")}


def test_what_a_server_does_not_have_is_skipped(hub: Hub) -> None:
    def gone(exchange: Exchange) -> None:
        exchange.status, exchange.body = 501, {"error": "not here"}

    paths = ("v1p2/orgs", "/demographics", "/class/students", "/class2/students")
    with wrong(hub, {"": Fault(gone, paths=paths)}) as (url, _):
        report = check(Options(url, Key(KEY), "1.2", services=("rostering",)))
    assert found(report) == set()
    for name in ("/orgs", "/demographics", "/classes/{classSourcedId}/students"):
        of_it = [r for r in report.results if r.subject.name == name]
        assert {r.outcome for r in of_it} == {"skipped"}
        assert any("501" in r.reason for r in of_it)


def test_a_client_without_some_scopes_is_let_in_to_the_rest(hub: Hub) -> None:
    client = Client(*add_client(hub.config, "roster-core.readonly", "roster.readonly"))
    report = check(Options(hub.root, client, "1.2", services=("resources", "rostering")))
    assert found(report) == set()
    passed = {r.subject.service for r in report.results if r.outcome == "passed"}
    assert passed == {"token", "rostering"}
    reasons = {r.reason for r in report.results if r.subject.name == "/demographics"}
    assert "the server answers 403 to this collection" in reasons
    asked = Client(client.client_id, client.secret, ("roster-core.readonly",))
    report = check(Options(hub.root, asked, "1.2", services=("rostering",)))
    of_nested = {r.outcome for r in report.results if r.check.reach == "nested"}
    assert of_nested == {"skipped"}


@pytest.mark.parametrize(("version", "sample"), [("1.2", 1), ("1.1", 4)])
def test_a_small_sample_of_a_large_collection_accuses_nobody(
    hub: Hub, version: str, sample: int
) -> None:
    options = Options(hub.root, Key(KEY), version, sample=sample, services=("rostering",))
    assert found(check(options)) == set()


_GARBAGE: tuple[Any, ...] = (
    *(None, True, 0, -1, 1e300, "", "NaN", "x" * 300, "\x1b[31m", "2026-02-30T99:00:00Z"),
    *([], {}, [None], [[]], {"sourcedId": 7}, {"href": "//", "sourcedId": "", "type": "user"}),
)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_a_server_answers_there_is_a_report(hub: Hub, seed: int) -> None:
    chance = random.Random(seed)

    def spoilt(value: Any) -> Any:
        if chance.random() < 0.05:
            return chance.choice(_GARBAGE)
        if isinstance(value, dict):
            return {name: spoilt(one) for name, one in value.items()}
        return [spoilt(one) for one in value] if isinstance(value, list) else value

    def answered(exchange: Exchange) -> None:
        exchange.body = spoilt(exchange.body)
        for name in ("link", "x-total-count", "content-type"):
            if name in exchange.headers and chance.random() < 0.1:
                exchange.headers[name] = chance.choice(("", "<>", "-1", "<http://[>; rel=next"))
        if chance.random() < 0.02:
            exchange.status = chance.choice((204, 302, 418, 500))

    with wrong(hub, {"": Fault(answered)}) as (url, _):
        report = check(Options(url, Key(KEY), "1.2", services=("gradebook",)))
    assert report.counts()["failed"] > 10
    for form in FORMATS.values():
        assert not {"\x1b", "\ud800"} & set(form(report, values=True))


# Where a server is.


@pytest.mark.parametrize(
    ("path", "version", "services"),
    [
        ("", "1.2", {"rostering", "gradebook", "resources"}),
        ("/", "1.2", {"rostering", "gradebook", "resources"}),
        ("/ims/oneroster/resources/v1p2", "1.2", {"resources"}),
        ("/ims/oneroster/v1p1", "1.1", {"rostering", "gradebook", "resources"}),
        ("/api/v1.2", "1.2", {"rostering"}),
    ],
)
def test_a_url_says_what_is_checked(hub: Hub, path: str, version: str, services: set[str]) -> None:
    report = check(Options(hub.root + path, Key(KEY), sample=1))
    assert report.version == version
    assert {r.subject.service for r in report.results} == services


def test_the_version_is_that_which_the_server_has(hub: Hub) -> None:
    def old(exchange: Exchange) -> None:
        if "/v1p2" in exchange.path:
            exchange.path = "/nothing"

    with wrong(hub, {"": Fault(asked=old)}) as (url, _):
        for credentials in (Key(KEY), Client(*add_client(hub.config))):
            report = check(Options(url, credentials, services=("resources",), sample=1))
            assert report.version == "1.1"
            assert found(report) == set()


def test_a_discovery_document_says_where_service_and_tokens_are(hub: Hub) -> None:
    def described(exchange: Exchange) -> None:
        if exchange.path.endswith("/discovery/doc.json"):
            exchange.status = 200
            exchange.body = {
                "openapi": "3.0.3",
                "servers": [{"url": "/ims/oneroster/resources/v1p2"}],
                "paths": {"/resources": {"get": {"operationId": "getAllResources"}}},
                "components": {
                    "securitySchemes": {
                        "any": {"flows": {"clientCredentials": {"tokenUrl": "/tokens"}}}
                    }
                },
            }

    def moved(exchange: Exchange) -> None:
        exchange.path = "/oauth/token" if exchange.path == "/tokens" else "/nothing"

    faults = {
        "described": Fault(described),
        "moved": Fault(asked=moved, paths=("/tokens", "/oauth/token")),
    }
    client = Client(*add_client(hub.config))
    with wrong(hub, faults) as (url, server):
        base = f"{url}/ims/oneroster/resources/v1p2"
        report = check(Options(f"{base}/discovery/doc.json", client))
    assert {r.subject.service for r in report.results} == {"token", "resources"}
    assert found(report) == set()
    assert all(path == "/tokens" for method, path, _ in server.requests if method == "POST")


def test_credentials_go_to_no_other_host(hub: Hub) -> None:
    """References and links are followed on the host that was asked, wherever they lead."""

    def elsewhere(exchange: Exchange) -> None:
        text = json.dumps([exchange.headers, exchange.body], ensure_ascii=False)
        text = text.replace("http://127.0.0.1", "http://evil.example")
        exchange.headers, exchange.body = json.loads(text)

    with wrong(hub, {"": Fault(elsewhere)}) as (url, _):
        report = check(Options(url, Key(KEY), services=("gradebook",)))
    assert {check for _, check in found(report)} == {"links.host"}
    assert all(r.outcome == "warning" for r in report.results if r.check.id == "links.host")


# What is printed.


@pytest.mark.parametrize("form", FORMATS)
def test_a_report_has_nothing_of_anybody_unless_it_is_asked_for(
    hub: Hub, verdict: Report, form: str
) -> None:
    made = FORMATS[form](verdict)
    assert not [value for value in (*SECRETS, "hunter2", "Female", KEY) if value in made]
    shown = FORMATS[form](verdict, values=True)
    assert "hunter2" in shown
    assert "Female" in shown
    assert KEY not in shown


def test_the_report_as_json(verdict: Report) -> None:
    made = json.loads(FORMATS["json"](verdict))
    assert set(made) == {"url", "version", "startedAt", "requests", "counts", "results"}
    assert made["counts"] == verdict.counts()
    assert sum(made["counts"].values()) == len(made["results"])
    [nulls] = [r for r in made["results"] if (r["subject"], r["check"]) == ("/orgs", "object.null")]
    [finding] = nulls.pop("findings")
    assert nulls == {
        "check": "object.null",
        "service": "rostering",
        "subject": "/orgs",
        "operation": "getAllOrgs",
        "outcome": "failed",
        "expected": "No property is null: what is absent is left out.",
        "more": 0,
    }
    assert finding == {
        "level": "error",
        "came": "identifier is null, in 3 of 3 objects",
        "record": "district",
        "property": "identifier",
        "url": f"{verdict.url}/ims/oneroster/rostering/v1p2/orgs?limit=100",
    }
    ignored = next(r for r in made["results"] if r["check"] == "filter.text" and "findings" in r)
    assert "filter=username='…'" in ignored["findings"][0]["url"]


def test_the_report_as_junit(verdict: Report) -> None:
    root = Xml.fromstring(FORMATS["junit"](verdict))
    assert root.tag == "testsuites"
    cases = list(root.iter("testcase"))
    assert len({(c.get("classname"), c.get("name")) for c in cases}) == len(cases)
    counts = verdict.counts()
    for element in (root, *root):
        inside = list(element.iter("testcase"))
        assert int(element.attrib["tests"]) == len(inside)
        for name, tag in (("failures", "failure"), ("skipped", "skipped")):
            found = [case for case in inside if case.find(tag) is not None]
            assert int(element.attrib[name]) == len(found)
    assert (len(cases), int(root.attrib["failures"])) == (len(verdict.results), counts["failed"])
    assert len(list(root.iter("skipped"))) == counts["skipped"]


def test_the_report_as_text(verdict: Report) -> None:
    made = FORMATS["text"](verdict)
    assert "rostering /orgs\n  FAILED object.null: No property is null" in made
    assert "    - district: identifier is null, in 3 of 3 objects\n      http://127" in made
    assert made.splitlines()[-1].startswith(f"OneRoster 1.2 at {verdict.url}: ")


# The command.


def test_the_command_prints_the_report_and_tells_by_its_exit_code(hub: Hub) -> None:
    arguments = [hub.root, "--service", "resources", "--format", "json", "--key", "-"]
    done = command(*arguments, given=f"{KEY}\n")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"]["failed"] == 0
    assert KEY not in done.stdout + done.stderr


def test_the_command_fails_when_something_is_wrong(hub: Hub, tmp_path: Path) -> None:
    with wrong(hub, {"": each(_set(title=None), "resources")}) as (url, _):
        report = tmp_path / "report.xml"
        done = command(
            *(url, "--service", "resources", "--format", "junit", "--output", str(report)),
            ROSTERHUB_CHECK_CLIENT_ID=(client := add_client(hub.config))[0],
            ROSTERHUB_CHECK_CLIENT_SECRET=client[1],
        )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "failed" in done.stderr
    assert client[1] not in done.stderr + report.read_text("utf-8")
    assert Xml.fromstring(report.read_text("utf-8")).attrib["failures"] != "0"


@pytest.mark.parametrize(
    ("url", "key", "says"),
    [
        ("http://127.0.0.1:{free}", KEY, "no answer came"),
        ("{root}", "made-up", "401"),
        ("{root}/nothing", KEY, "404"),
        ("{root}/nothing.json", KEY, "discovery"),
    ],
)
def test_what_cannot_be_reached_is_told_from_what_is_wrong(
    hub: Hub, url: str, key: str, says: str
) -> None:
    with deaf_port() as free:
        done = command(url.format(free=free, root=hub.root), "--key", key)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert key not in done.stderr
    assert len(done.stderr.splitlines()) < 20


def test_a_wrong_secret_is_no_finding(hub: Hub) -> None:
    client_id, _ = add_client(hub.config)
    done = command(hub.root, "--client-id", client_id, "--client-secret", "made-up")
    assert (done.returncode, done.stdout) == (2, "")
    assert "invalid_client" in done.stderr
