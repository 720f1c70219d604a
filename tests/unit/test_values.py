"""The forms of values match what they are meant to, and nothing else."""

import re
from datetime import date, timedelta

from rosterhub.model import values

FIRST, DAYS = date(1, 1, 1), date.max.toordinal()


def test_every_day_of_the_calendar_is_a_date() -> None:
    # Every day of four centuries, after which the calendar repeats, and some of all the others.
    for number in (*range(146_097), *range(146_097, DAYS, 97)):
        assert re.match(values.DATE, (FIRST + timedelta(number)).isoformat())


def test_other_days_are_not() -> None:
    for year in ("0000", "1900", "2023", "2024", "2100", "2400"):
        leap = year in ("2024", "2400")
        for day in ("02-30", "04-31", "00-01", "13-01", "01-00", "12-32", "1-1"):
            assert not re.match(values.DATE, f"{year}-{day}")
        assert bool(re.match(values.DATE, f"{year}-02-29")) == leap


def test_what_is_usual_is_right() -> None:
    for month in range(14):
        for day in range(33):
            text = f"2023-{month:02}-{day:02}"
            if re.match(values.USUAL_DATE, text):
                assert re.match(values.DATE, text)
            time = f"{text}T23:59:59.999Z"
            if re.match(values.USUAL_DATETIME, time):
                assert re.match(values.DATETIME, time)
    assert re.match(values.USUAL_DATE, "2026-04-01")
    assert not re.match(values.USUAL_DATETIME, "2026-04-01T24:00:00.000Z")
