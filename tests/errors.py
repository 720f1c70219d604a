"""Error answers of OneRoster 1.2 (spec/rest.md, "Error body")."""

import httpx


def minor(answer: httpx.Response) -> tuple[int, str]:
    """Status and codeMinor of an answer that has to be a whole error body."""
    status, found, _ = whole(answer)
    return status, found


def whole(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, codeMinor and description."""
    assert answer.status_code >= 400, answer.text[:500]
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json()
    assert list(body) == [
        "imsx_codeMajor",
        "imsx_severity",
        "imsx_description",
        "imsx_CodeMinor",
    ], body
    assert (body["imsx_codeMajor"], body["imsx_severity"]) == ("failure", "error")
    [field] = body["imsx_CodeMinor"]["imsx_codeMinorField"]
    assert field["imsx_codeMinorFieldName"] == "TargetEndSystem"
    description = body["imsx_description"]
    assert description.endswith(".")
    return answer.status_code, field["imsx_codeMinorFieldValue"], description
