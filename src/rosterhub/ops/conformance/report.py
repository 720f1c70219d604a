"""A report as text, JSON and JUnit (docs/check.md). What belongs to persons stays out of all three
unless it is asked for: values are left out, and those in URLs are replaced.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit
from xml.etree import ElementTree as Xml

from rosterhub.model import filters
from rosterhub.model.filters import And, Clause, Node, Or
from rosterhub.ops.conformance.checks.refusals import BROKEN_FILTERS
from rosterhub.ops.conformance.findings import Finding, Report, Result

_HIDDEN = "…"
_PLAIN = ("limit", "offset", "sort", "orderBy", "fields")
"""Query parameters that hold nothing of anybody's."""
_NAME = re.compile(r"[A-Za-z.]{1,60}")
_OPEN = ("sourcedId", "status", "dateLastModified")
"""Fields whose values in a filter may be shown: records are named by sourcedId."""
_LONGEST_VALUE = 500


def text(report: Report, *, values: bool = False) -> str:
    """For people: what is wrong, by what it was found on, and a line of sums."""
    return "\n".join(_lines(report, values)) + "\n"


def _lines(report: Report, values: bool) -> Iterator[str]:
    last = None
    for result in report.results:
        if result.outcome not in ("failed", "warning"):
            continue
        if result.subject != last:
            last = result.subject
            yield f"{last.service} {last.name}"
        yield f"  {result.outcome.upper()} {result.check.id}: {result.check.expects}"
        for finding in result.findings:
            yield f"    - {_sentence(finding, values)}"
            if finding.url:
                yield f"      {shown_url(finding.url, values)}"
        if result.more:
            yield f"    - and {result.more} more"
    skipped: dict[str, int] = {}
    for result in report.results:
        if result.outcome == "skipped":
            skipped[result.reason] = skipped.get(result.reason, 0) + 1
    for reason, number in skipped.items():
        yield f"skipped {number}: {_plain(reason)}"
    yield summary(report)


def summary(report: Report) -> str:
    """One line: how many checks had which outcome."""
    counts = report.counts()
    return (
        f"OneRoster {report.version} at {shown_url(report.url, False)}: {counts['passed']} passed, "
        f"{counts['failed']} failed, {counts['warning']} with a warning, {counts['skipped']} "
        f"skipped; {report.requests} requests"
    )


def _sentence(finding: Finding, values: bool) -> str:
    record = f"{_plain(finding.record)}: " if finding.record else ""
    value = f" ({_value(finding.value)})" if values and finding.value is not None else ""
    return f"{record}{_plain(finding.came)}{value}"


def document(report: Report, *, values: bool = False) -> str:
    """JSON (docs/check.md, "JSON"): members are added from release to release, never changed."""
    results = [_result(result, values) for result in report.results]
    whole = {
        "url": shown_url(report.url, values),
        "version": report.version,
        "startedAt": report.started,
        "requests": report.requests,
        "counts": report.counts(),
        "results": results,
    }
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


def _result(result: Result, values: bool) -> dict[str, Any]:
    operation = result.subject.operation
    made: dict[str, Any] = {
        "check": result.check.id,
        "service": result.subject.service,
        "subject": result.subject.name,
        "outcome": result.outcome,
        "expected": result.check.expects,
    }
    if operation:
        made["operation"] = operation.id
    if result.reason:
        made["reason"] = _plain(result.reason)
    if result.findings:
        made["findings"] = [_finding(result, finding, values) for finding in result.findings]
        made["more"] = result.more
    return made


def _finding(result: Result, finding: Finding, values: bool) -> dict[str, Any]:
    made: dict[str, Any] = {
        "level": finding.level or result.check.level,
        "came": _plain(finding.came),
    }
    for name, found in (("record", finding.record), ("property", finding.property)):
        if found:
            made[name] = _plain(found)
    if finding.url:
        made["url"] = shown_url(finding.url, values)
    if values and finding.value is not None:
        made["value"] = _value(finding.value)
    return made


def junit(report: Report, *, values: bool = False) -> str:
    """JUnit XML: a suite for each service, a case for each check on each of its subjects."""
    root = Xml.Element("testsuites", name="rosterhub check")
    services = dict.fromkeys(r.subject.service for r in report.results)
    for service in services:
        results = [r for r in report.results if r.subject.service == service]
        suite = Xml.SubElement(root, "testsuite", name=service, timestamp=report.started[:-1])
        for result in results:
            _case(suite, result, values)
        _count(suite, results)
    _count(root, report.results)
    Xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(root, "unicode") + "\n"


def _case(suite: Xml.Element, result: Result, values: bool) -> None:
    case = Xml.SubElement(
        suite,
        "testcase",
        classname=f"{result.subject.service}.{result.subject.name}",
        name=result.check.id,
        time="0",
    )
    lines = [f"{_sentence(f, values)} {shown_url(f.url, values)}".rstrip() for f in result.findings]
    if result.more:
        lines.append(f"and {result.more} more")
    if result.outcome == "failed":
        failure = Xml.SubElement(case, "failure", message=result.check.expects, type="error")
        failure.text = "\n".join(lines)
    elif result.outcome == "warning":
        Xml.SubElement(case, "system-out").text = "\n".join(["warning:", *lines])
    elif result.outcome == "skipped":
        Xml.SubElement(case, "skipped", message=_plain(result.reason))


def _count(element: Xml.Element, results: "list[Result] | tuple[Result, ...]") -> None:
    element.set("tests", str(len(results)))
    element.set("failures", str(sum(r.outcome == "failed" for r in results)))
    element.set("errors", "0")
    element.set("skipped", str(sum(r.outcome == "skipped" for r in results)))
    element.set("time", "0")


def shown_url(url: str, values: bool) -> str:
    """A URL without what may be somebody's: values in filters, and parameters that we do not know.

    With `values` it is whole.
    """
    if values:
        return _plain(url, 4_000)
    scheme, host, path, given, _ = urlsplit(url)
    pairs = (
        f"{quote(name)}={_parameter(name, value)}"
        for name, value in parse_qsl(given, keep_blank_values=True)
    )
    return _plain(urlunsplit((scheme, host, path, "&".join(pairs), "")), 4_000)


def _parameter(name: str, value: str) -> str:
    if name in _PLAIN:
        return quote(value, safe=",")
    if name == "filter":
        return _filter(value)
    return _HIDDEN


def _filter(value: str) -> str:
    """A filter with its values hidden, but those of fields that say nothing of a person."""
    if value in BROKEN_FILTERS:
        return value
    try:
        node = filters.parse(value)
    except filters.FilterError:
        return _HIDDEN
    named = all(_NAME.fullmatch(clause.field) for clause in filters.clauses(node))
    return filters.text_of(_hidden(node)) if named else _HIDDEN


def _hidden(node: Node) -> Node:
    match node:
        case Clause():
            shown = node.field.rpartition(".")[2] in _OPEN
            return node if shown else replace(node, value=_HIDDEN)
        case And():
            return And(tuple(map(_hidden, node.parts)))
        case Or():
            return Or(tuple(map(_hidden, node.parts)))


def _value(value: object) -> str:
    return _plain(json.dumps(value, ensure_ascii=False, default=_number), _LONGEST_VALUE)


def _number(value: object) -> str:
    return str(value) if isinstance(value, Decimal) else type(value).__name__


_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What has no place in XML, and on a terminal is a command."""


def _plain(text: str, most: int = 1_000) -> str:
    """A text that a server may have made, bounded and without control characters."""
    return _UNPRINTABLE.sub("�", text[:most])


FORMATS: dict[str, Callable[..., str]] = {"text": text, "json": document, "junit": junit}
"""The forms of a report by their names."""
