"""Killed at any moment, an import is applied whole, once, and by itself; nothing is lost.

The worker and PostgreSQL die by SIGKILL at random moments of imports. After each, the whole roster
is compared with what it must be. FAULTS_SEED chooses other moments than those of every run.
"""

import io
import os
import random
import sys
import time
from collections import Counter
from typing import Literal

import psycopg
import pytest

from rosterhub.jobs.submit import submit
from rosterhub.model.entities import RECORDS
from rosterhub.store.connect import Connection, connect
from rosterhub.store.schema import indexes
from rosterhub.transfer import records
from tests.faults.generations import Expected, package
from tests.faults.machines import Machines, Reader, machines
from tests.rosters import job, rows
from tests.serving import until

Victim = Literal["worker", "database"]
STEPS = ("queued", "staging", "checking", "comparing", "applying", "completed")
"""Each is as likely to be the last as any other, however short it is."""
SEED = int(os.environ.get("FAULTS_SEED", "2026"))
PATIENCE = 180.0
PEOPLE = 55_560
"""Of whom nine in ten are in a package: 100,000 rows with their roles."""


class Trial:
    """One hub, and the imports it has to survive."""

    def __init__(self, hub: Machines, people: int, seed: int) -> None:
        self.hub = hub
        self.config = hub.config
        self.expected = Expected(people)
        self.random = random.Random(seed)
        self.seconds = {"queued": 0.3, "completed": 0.1}
        self.died_at: Counter[tuple[str, str]] = Counter()

    def undisturbed(self) -> None:
        """An import without any harm, which tells how long each step takes."""
        import_id, expected = self._send()
        self._wait(import_id)
        self.seconds |= job(self.config, import_id)["timings"]
        self._check(import_id, expected)

    def killed(self, victim: Victim) -> None:
        """An import during which `victim` is killed."""
        before = self.expected
        with Reader(self.config) as reader:
            import_id, expected = self._send()
            step = self.random.choice(STEPS)
            with connect(self.config.write_url) as watching:
                until(lambda: _reached(watching, import_id, step), PATIENCE)
                time.sleep(self.random.uniform(0, self.seconds[step]))
                self.died_at[victim, _state(watching, import_id)] += 1
            if victim == "worker":
                self.hub.kill_worker()
            else:
                self.hub.kill_database()
            self._wait(import_id)
            self._check(import_id, expected)
            looks = reader.looks
            until(lambda: reader.looks > looks + 1)
        assert [one for one in reader.seen if one not in (before.seen, expected.seen)] == []
        assert expected.seen in reader.seen

    def _send(self) -> tuple[int, Expected]:
        generation = (self.expected.generation or 0) + 1
        data = package(self.expected.people, generation)
        with connect(self.config.write_url) as connection:
            request = records.Request("generation.zip")
            return submit(connection, request, io.BytesIO(data)), self.expected.after(generation)

    def _wait(self, import_id: int) -> None:
        """Until the import has ended by itself, with its job, and nothing is left of it."""
        until(lambda: self._true(_ENDED, import_id), PATIENCE)
        until(lambda: self._true(_TIDY), PATIENCE)

    def _true(self, query: str, *values: object) -> bool:
        try:
            ((true,),) = rows(self.config, query, *values)
        except psycopg.OperationalError:  # it has just been killed
            return False
        return bool(true)

    def _check(self, import_id: int, expected: Expected) -> None:
        """The hub holds what it must, to the last record, and the import was applied once."""
        document = job(self.config, import_id)
        said = self.hub.log.read_text()[-5_000:]
        assert document["state"] == "completed", (document["reasonCode"], said)
        users = rows(self.config, "SELECT sourced_id, status, given_name, family_name FROM users")
        roles = rows(self.config, "SELECT sourced_id, status, role FROM roles")
        assert len(users) == len(expected.users)
        assert len(roles) == len(expected.roles)
        assert {row[0]: tuple(row[1:]) for row in users} == expected.users
        assert {row[0]: tuple(row[1:]) for row in roles} == expected.roles
        kept = "SELECT (SELECT count(*) FROM history.users WHERE replaced_by = %s)"
        kept += " + (SELECT count(*) FROM history.roles WHERE replaced_by = %s)"
        assert rows(self.config, kept, import_id, import_id) == [(expected.replaced,)]
        self.expected = expected


def _state(connection: Connection, import_id: int) -> str:
    row = connection.execute("SELECT state FROM imports WHERE id = %s", [import_id]).fetchone()
    assert row is not None
    return row[0]


def _reached(connection: Connection, import_id: int, step: str) -> bool:
    """Whether the import has come to `step`, or past it."""
    return STEPS.index(_state(connection, import_id)) >= STEPS.index(step)


_ENDED = "SELECT state IN ('completed', 'failed', 'rejected') FROM imports WHERE id = %s"
_TIDY = (
    "SELECT NOT EXISTS (SELECT FROM procrastinate.procrastinate_jobs)"
    " AND NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'staging'::regnamespace)"
)


def survive(people: int, victims: list[Victim], seed: int) -> None:
    """A first load, an undisturbed import, and one for each of `victims`.

    `people` can be divided by ten, so that each generation changes as many as there are: if it
    changed more, it would wait for a person.
    """
    with machines(batch=max(1_000, people // 10)) as hub:
        trial = Trial(hub, people, seed)
        trial.undisturbed()
        trial.undisturbed()
        for number, victim in enumerate(victims, 1):
            trial.killed(victim)
            died = ", ".join(f"{a} while {b}: {n}" for (a, b), n in sorted(trial.died_at.items()))
            # For whoever watches: `make faults` shows it.
            sys.stdout.write(f"\n{number} of {len(victims)} survived ({died})")


def test_a_few_kills() -> None:
    survive(2_500, ["worker", "database", "worker", "database", "worker"], SEED)


@pytest.mark.faults
@pytest.mark.parametrize("moment", range(8))
def test_a_kill_amid_a_first_load(moment: int) -> None:
    with machines(batch=5_000) as hub:
        trial = Trial(hub, PEOPLE, SEED + moment)
        # About what each step takes; the last is when indexes are built.
        trial.seconds |= {"staging": 0.5, "checking": 0.5, "comparing": 0.2, "applying": 3.0}
        trial.seconds["completed"] = 1.5
        trial.killed("database" if moment % 4 == 3 else "worker")
        until(lambda: not _missing(trial), PATIENCE)


def _missing(trial: Trial) -> set[str]:
    """The indexes of the schema that are not there and whole."""
    there = rows(trial.config, "SELECT indexrelid::regclass::text FROM pg_index WHERE indisvalid")
    return {i.name for e in RECORDS.values() for i in indexes(e)} - {name for (name,) in there}


@pytest.mark.faults
def test_seventy_kills_amid_imports_of_100_000_rows() -> None:
    victims: list[Victim] = ["worker"] * 50 + ["database"] * 20
    random.Random(SEED).shuffle(victims)
    survive(PEOPLE, victims, SEED)
