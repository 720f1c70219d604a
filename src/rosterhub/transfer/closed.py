"""What no roster by itself can hold: rows that refer to what is deleted, and what refers to them.

A hub keeps them, because what they refer to may come back; whoever has nothing else could not
import them. So exports leave such rows out, or the reference alone where it may be blank.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from rosterhub.model.entities import RECORDS, SYSTEM_FIELDS, Entity, Field
from rosterhub.store.connect import Connection, compiled
from rosterhub.transfer.cells import cell

State = Callable[[Entity], str]
"""Gives the FROM item for an entity's live records in one state of the roster."""


@dataclass(frozen=True, slots=True)
class Loose:
    """What of an entity's rows is loose: `left_out` is SQL for the sourcedIds of rows that go, None
    where there are none; `blanked` is, by column, SQL for the sourcedIds that a cell must not name.
    """

    left_out: str | None = None
    blanked: dict[str, str] = field(default_factory=dict[str, str])

    def __bool__(self) -> bool:
        return bool(self.left_out or self.blanked)


@dataclass(frozen=True, slots=True)
class Closed:
    """One state of the roster, its `live` and its `deleted` records, looked at as far as somebody
    asks: where nothing is deleted, no row is read.
    """

    connection: Connection
    live: State
    deleted: State
    _loose: dict[str, Loose] = field(default_factory=dict[str, Loose])
    _gone: dict[str, str | None] = field(default_factory=dict[str, str | None])

    def loose(self, entity: Entity) -> Loose:
        """What is loose of an entity."""
        if entity.name not in self._loose:
            self._loose[entity.name] = self._look(entity)
        return self._loose[entity.name]

    def _look(self, entity: Entity) -> Loose:
        """One look at the live rows, for all that they refer to."""
        own = [f for f in entity.fields if f.reference and f.filed]
        targets = [(f, f.reference or "") for f in own]
        if entity.identity_of:
            targets.append((SYSTEM_FIELDS[0], entity.identity_of))
        doubted = [(f, gone) for f, target in targets if (gone := self._gone_of(f, target, entity))]
        if not doubted:
            return Loose()
        named = ", ".join(f"coalesce(bool_or({_names(f, gone)}), false)" for f, gone in doubted)
        row = self.connection.execute(
            compiled(f"SELECT {named} FROM {self.live(entity)} t")
        ).fetchone()
        found = [pair for pair, there in zip(doubted, row or (), strict=True) if there]
        blanked = {f.csv: gone for f, gone in found if f.many or not f.required}
        needed = [_lacks(f, gone) for f, gone in found if f.required]
        if not needed:
            return Loose(None, blanked)
        rows = f"SELECT t.sourced_id FROM {self.live(entity)} t WHERE {' OR '.join(needed)}"
        return Loose(rows, blanked)

    def _gone_of(self, column: Field, target: str, entity: Entity) -> str | None:
        """What `column` must not name. Of its own kind what is deleted: no row is left out for a
        reference that may be blank.
        """
        if target == entity.name:
            return self._deleted(RECORDS[target])
        return self._gone_in_all(RECORDS[target])

    def _gone_in_all(self, entity: Entity) -> str | None:
        """SQL for the sourcedIds that no row may name, None where there are none."""
        parts = (self._deleted(entity), self.loose(entity).left_out)
        return " UNION ALL ".join(filter(None, parts)) or None

    def _deleted(self, entity: Entity) -> str | None:
        if entity.name not in self._gone:
            query = f"SELECT d.sourced_id FROM {self.deleted(entity)} d"
            row = self.connection.execute(compiled(f"SELECT EXISTS ({query})")).fetchone()
            self._gone[entity.name] = query if row and row[0] else None
        return self._gone[entity.name]


def _names(column: Field, gone: str) -> str:
    """SQL for whether a row names any of `gone`."""
    if column.many:
        listed = f'unnest(t."{column.column}") AS l(id)'
        return f"EXISTS (SELECT FROM {listed} WHERE l.id IN ({gone}))"
    return f"{cell(column)} IN ({gone})"


def _lacks(column: Field, gone: str) -> str:
    """SQL for whether a row cannot do without `gone`."""
    if column.many:
        listed = f'unnest(t."{column.column}") AS l(id)'
        return f"NOT EXISTS (SELECT FROM {listed} WHERE l.id NOT IN ({gone}))"
    return f"{cell(column)} IN ({gone})"
