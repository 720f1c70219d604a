"""What a person decides about an import: approve or reject one that waits, cancel one at any step,
take back one that is done. Each is one transaction with the job that carries it out.
"""

from typing import Literal

from psycopg.types.json import Jsonb

from rosterhub.jobs.submit import requeue
from rosterhub.store.connect import Connection
from rosterhub.transfer import claims, records
from rosterhub.transfer.issues import Issue, Language, sentence

Decision = Literal["approve", "reject", "cancel", "undo"]


class CannotDecideError(Exception):
    """The import is in no state for that; `issue` says why."""

    def __init__(self, issue: Issue) -> None:
        super().__init__(issue.code)
        self.issue = issue

    def text(self, language: Language) -> str:
        """What to tell the one who decided."""
        return sentence(self.issue.code, self.issue.details, language)


def decide(
    connection: Connection, import_id: int, decision: Decision, *, force: bool = False
) -> None:
    """Carry `decision` out, or queue what does; `force` lets an undo leave conflicts as they are.

    Raises:
        CannotDecideError: there is no such import, or it is in another state.
    """
    if decision == "cancel":
        _cancel(connection, import_id)
        return
    with connection.transaction():
        row = connection.execute(
            "SELECT state, source_system, dry_run, undo ->> 'state' FROM imports WHERE id = %s"
            " FOR UPDATE",
            [import_id],
        ).fetchone()
        if not row:
            raise CannotDecideError(Issue("import_unknown", details={"value": import_id}))
        state, source, dry_run, undoing = row
        wanted = "completed" if decision == "undo" else "waiting"
        if state == wanted and dry_run:
            raise CannotDecideError(Issue("undo_dry_run", details={"value": import_id}))
        if state == wanted and undoing == "queued":
            raise CannotDecideError(Issue("undo_queued", details={"value": import_id}))
        if state != wanted:
            details = {"value": import_id, "state": state, "expected": wanted}
            raise CannotDecideError(Issue("import_state", details=details))
        match decision:
            case "approve":
                _see_not_superseded(connection, import_id, source)
                records.update(
                    connection, import_id, state="queued", approved=True, attempts=0, reason=None
                )
                requeue(connection, import_id, source)
            case "reject":
                records.finish(connection, import_id, state="rejected")
                records.discard(connection, import_id)
            case "undo":
                records.update(
                    connection, import_id, undo=Jsonb({"state": "queued", "force": force})
                )
                requeue(connection, import_id, source)


def _cancel(connection: Connection, import_id: int) -> None:
    """End the import before it is applied: from here on what is under way cannot be committed."""
    with connection.transaction():
        row = connection.execute(
            "SELECT state FROM imports WHERE id = %s FOR NO KEY UPDATE", [import_id]
        ).fetchone()
        if not row:
            raise CannotDecideError(Issue("import_unknown", details={"value": import_id}))
        if row[0] in records.FINAL:
            details = {"value": import_id, "state": row[0]}
            raise CannotDecideError(Issue("import_ended", details=details))
        reason = records.reason(Issue("cancelled"))
        records.finish(connection, import_id, state="rejected", reason=reason)
    # Its worker tidies up; where there is none, we do.
    if not claims.end(connection, import_id):
        records.discard(connection, import_id)


def _see_not_superseded(connection: Connection, import_id: int, source: str) -> None:
    later = records.superseded_by(connection, import_id, source)
    if later:
        raise CannotDecideError(Issue("import_superseded", details={"value": later}))
