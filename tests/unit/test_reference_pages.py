"""The pages that derive from the code say what the code says."""

import re
import string
from pathlib import Path

import pytest

from rosterhub.settings import Settings
from rosterhub.transfer import issues
from scripts.make_docs import DOCS, PAGES

SOURCES = Path(issues.__file__).parent


@pytest.mark.parametrize("name", PAGES)
def test_reference_pages_are_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text("utf-8") == PAGES[name](), "run: make docs"


def test_every_setting_is_explained() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_every_code_that_is_used_has_its_sentences() -> None:
    used: set[str] = set()
    for path in SOURCES.glob("*.py"):
        text = path.read_text("utf-8")
        used |= set(re.findall(r'(?:Issue|Rule|write|_about|_bad_value)\(\s*"([a-z_]+)"', text))
    assert used
    assert used <= set(issues.CODES)


def test_every_code_is_brought_about_by_some_test() -> None:
    """As far as a look at the tests can tell: each names the code that it expects."""
    tests = "".join(p.read_text("utf-8") for p in Path(__file__).parents[1].rglob("test_*.py"))
    assert {code for code in issues.CODES if f'"{code}"' not in tests} == set()


@pytest.mark.parametrize("code", issues.CODES)
def test_both_languages_speak_of_the_same_things(code: str) -> None:
    text = issues.CODES[code]
    assert _names(text.en) == _names(text.ja)
    assert _names(text.strict_en) == _names(text.strict_ja)
    assert bool(text.strict_en) == bool(text.strict_ja)


def _names(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}
