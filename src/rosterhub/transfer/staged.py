"""What is known of one file of an import once its rows are in their staging table."""

from dataclasses import dataclass, field

from rosterhub.model.entities import Entity
from rosterhub.transfer.columns import Columns
from rosterhub.transfer.package import Mode


@dataclass(slots=True)
class StagedFile:
    """One file in its staging table.

    `derived` ones were made from another file, whose name they have; `replaces` is
    then a predicate on the table (alias `t`) for the records that this file alone decides about,
    and `spares` one for those that are never deleted for not being in the file. Its records are
    the sending system's, or the `owner`'s, if it has one: then nobody sent them, and they are not
    counted. `assumed` says that nobody said its mode.
    `odd` holds what the text showed: `spaces` (a cell that begins or ends with white space), `NULL`
    and `tobedeleted` (the literals), `private` (a private-use character), `lost` and `doubt` (what
    stands in for a character, surely or perhaps), so that what deals with them runs only where they
    are. `encoding` is what the file was read in.
    `unstaged` rows stand in the base word by word and so are not in the table (`base`); what only
    the base has is then in `removed_table`. `plain` says that the lines of the file are its rows.
    `incomplete` says that rows are missing because they could not be read, `broken` that nobody
    knows which. `left_out` counts the rows that were taken out, which `out_table` lists, with those
    that could not be read; with `withheld` no record is deleted for not being in the file.
    """

    entity: Entity
    name: str
    mode: Mode
    table: str
    columns: Columns
    rows: int = 0
    derived: bool = False
    replaces: str | None = None
    spares: str | None = None
    owner: str | None = None
    odd: set[str] = field(default_factory=set[str])
    incomplete: bool = False
    broken: bool = False
    encoding: str = "utf-8"
    left_out: int = 0
    withheld: bool = False
    unstaged: int | None = None
    plain: bool = False
    assumed: bool = False

    @property
    def out_table(self) -> str:
        """The table (line, sourced_id) of the rows left out, when there are any."""
        return f"{self.table}_out"

    def has(self, csv: str) -> bool:
        """Whether the file has the column called `csv`."""
        return self.columns.get(csv) is not None

    @property
    def removed_table(self) -> str:
        """The table (sourced_id) of what was in the base and is not, when there is one."""
        return f"{self.table}_removed"

    def stays(self, source: str) -> str:
        """The predicate for records `t` that the import leaves as they are, if they are not in the
        staging table; `source` is SQL for who sends it.
        """
        if self.mode != "bulk" or self.withheld:
            return "true"
        others = f"t.source_system <> {source}"
        if self.unstaged is None:
            return others
        removed = f"SELECT FROM {self.removed_table} x WHERE x.sourced_id = t.sourced_id"
        return f"({others} OR NOT EXISTS ({removed}))"
