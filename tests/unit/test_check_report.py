"""Reports of a check: what is in them, what never is, and that terminals and XML survive it."""

import json
import re
from decimal import Decimal
from urllib.parse import quote, urlencode
from xml.etree import ElementTree as Xml

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rosterhub.model.operations import OPERATIONS
from rosterhub.ops.conformance.checks import CHECKS
from rosterhub.ops.conformance.findings import MOST_FINDINGS, Finding, Report, Result, Subject
from rosterhub.ops.conformance.report import FORMATS, shown_url

USERS = next(o for o in OPERATIONS if o.id == "getAllUsers")
SUBJECT = Subject("rostering", USERS.path, USERS)
CHECK = next(c for c in CHECKS if c.id == "object.null")


def report(*results: Result, url: str = "https://a.example") -> Report:
    return Report(url, "1.2", "2026-04-01T00:00:00Z", 7, results)


def failed(*findings: Finding, more: int = 0) -> Report:
    return report(Result(CHECK, SUBJECT, "failed", findings, more))


URL = "https://a.example/users"


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("limit=2&offset=4&sort=familyName&orderBy=desc", None),
        ("fields=sourcedId,status", None),
        ("filter=familyName='佐藤'", "filter=familyName='…'"),
        ("filter=email%3D%27a%40b.example%27", "filter=email='…'"),
        ("filter=phone~'O''N'%20AND%20status%3D'active'", "filter=phone~'…' AND status='active'"),
        ("filter=sourcedId='p1' OR school.sourcedId='s 1'", None),
        ("filter=email='1' OR mysourcedId='2'", "filter=email='…' OR mysourcedId='…'"),
        ("filter=familyName='x status=''active'''", "filter=familyName='…'"),
        ("cursor=佐藤&limit=1", "cursor=…&limit=1"),
        ("filter=familyName=佐藤", "filter=…"),
        ("filter=familyName='佐藤", "filter=…"),
        ("filter='佐藤'='x'", "filter=…"),
        ("filter=佐藤='x'", "filter=…"),
        ("filter=status=active", None),
    ],
)
def test_a_url_is_shown_without_what_is_somebodys(query: str, shown: str | None) -> None:
    assert shown_url(f"{URL}?{query}", values=False) == f"{URL}?{shown or query}"
    assert shown_url(f"{URL}?{query}", values=True) == f"{URL}?{query}"


_FORMS = ["familyName='{}'", "familyName={}", "status='active' AND email~'{}'", "{}"]


@given(st.text(max_size=20), st.sampled_from(_FORMS))
def test_no_filter_lets_a_value_through(text: str, form: str) -> None:
    value = f"99{text}99".replace("'", "''")
    url = f"{URL}?{urlencode({'filter': form.format(value), value: value}, errors='replace')}"
    assert "99" not in shown_url(url, values=False).replace(quote(value, errors="replace"), "")


@pytest.mark.parametrize("name", FORMATS)
def test_values_are_shown_when_they_are_asked_for(name: str) -> None:
    made = failed(Finding("it is wrong", URL, "p1", "email", value={"n": Decimal("0.50")}))
    assert "0.50" in FORMATS[name](made, values=True)
    assert "0.50" not in FORMATS[name](made)


@pytest.mark.parametrize("name", FORMATS)
def test_control_characters_of_a_server_reach_neither_terminal_nor_xml(name: str) -> None:
    made = failed(Finding("\x1b[31m\x00 \ud800 \ufffe <&>\r\n", f"{URL}/\x1b]0;x\x07", "\x1b[2J"))
    text = FORMATS[name](made, values=True)
    assert not {"\x1b", "\x00", "\x07", "\ud800"} & set(text)
    text.encode()
    if name == "junit":
        Xml.fromstring(text)
    if name == "json":
        json.loads(text)


def test_what_is_left_out_is_counted() -> None:
    made = failed(*(Finding(f"n {n}", URL) for n in range(MOST_FINDINGS)), more=32)
    assert "and 32 more" in FORMATS["text"](made)
    assert "and 32 more" in FORMATS["junit"](made)
    assert json.loads(FORMATS["json"](made))["results"][0]["more"] == 32


def test_each_outcome_in_junit() -> None:
    made = report(
        Result(CHECK, SUBJECT, "passed"),
        Result(CHECK, SUBJECT, "failed", (Finding("bad", URL),)),
        Result(CHECK, SUBJECT, "warning", (Finding("odd", URL),)),
        Result(CHECK, SUBJECT, "skipped", reason="empty"),
    )
    root = Xml.fromstring(FORMATS["junit"](made))
    [suite] = root
    assert {k: suite.attrib[k] for k in ("tests", "failures", "errors", "skipped")} == {
        "tests": "4",
        "failures": "1",
        "errors": "0",
        "skipped": "1",
    }
    children = [[child.tag for child in case] for case in suite]
    assert children == [[], ["failure"], ["system-out"], ["skipped"]]
    [failure] = root.iter("failure")
    assert (failure.get("message"), failure.text) == (CHECK.expects, f"bad {URL}")


def test_checks_have_ids_of_their_own_and_sentences() -> None:
    ids = [c.id for c in CHECKS]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*", one) for one in ids)
    assert all(len(c.expects) > 20 for c in CHECKS)
    assert {c.level for c in CHECKS} == {"error", "warning"}
