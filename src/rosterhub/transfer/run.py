"""One import from upload to completed: stage, check, compare, apply (docs/imports.md).

Everything before `apply` can be done again from the upload, and `apply` ends in the transaction
that also says `completed`: killed at any point, the import starts over and is applied once.
"""

import time
import traceback
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import IO, Any

import psycopg
import structlog

from rosterhub.model.entities import ENTITIES
from rosterhub.model.profiles import Profile
from rosterhub.settings import Settings
from rosterhub.store import history, indexes, versions
from rosterhub.store.connect import Connection, compiled, connect
from rosterhub.transfer import difference, guard, health, placeholders, profile, records
from rosterhub.transfer.apply import analyze, apply
from rosterhub.transfer.as_it_would_be import as_it_would_be
from rosterhub.transfer.base import Base, doubt, find, openers, remember
from rosterhub.transfer.check import check
from rosterhub.transfer.claims import claim
from rosterhub.transfer.compare import Plan, Records, compare, placeholders_made
from rosterhub.transfer.derive import roles_of_11, touched_owners, warn_of_stragglers
from rosterhub.transfer.findings import Scene
from rosterhub.transfer.issues import Issue, RefusedError, sentence
from rosterhub.transfer.package import Package, open_package, single_file
from rosterhub.transfer.skip import leave_out
from rosterhub.transfer.stage import stage
from rosterhub.transfer.staged import StagedFile
from rosterhub.transfer.undo import name_taken, undo
from rosterhub.transfer.upload import Upload

_ATTEMPTS = 5
"""An import whose worker died this often is given up: it may be what kills the worker."""
_CONFLICTS = (
    psycopg.errors.UniqueViolation,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
)
"""Another import took a sourcedId or a name meanwhile, or the two waited for each other."""
_LIMITS = (
    psycopg.errors.ProgramLimitExceeded,
    psycopg.errors.StatementTooComplex,
    psycopg.errors.TooManyColumns,
    psycopg.errors.TooManyArguments,
)
"""Counted by the driver among what comes and goes, and there again at every attempt."""
_TRIES = 3
"""How often an attempt begins again at once after a conflict."""
_FIRST_LOAD = 50_000
"""Rows for an empty table from which on it pays to build its indexes afterwards."""
_SHARES = {"staging": (0, 30), "checking": (30, 40), "comparing": (40, 45), "applying": (45, 100)}
"""The part of the progress (percent) that each step takes."""
_NONE = {"deleted": 0, "updated": 0}
"""What was shown of an entity that the import did not have then."""

_SETTINGS = (
    "timezone = 'UTC'",
    "work_mem = '128MB'",
    "maintenance_work_mem = '128MB'",
    # What is asked of staging tables is how large they are.
    "default_statistics_target = 10",
    # One helper where there is enough to do. To compile a check's many expressions takes longer
    # than to run them.
    "min_parallel_table_scan_size = '16MB'",
    "max_parallel_workers_per_gather = 1",
    "jit = off",
)
"""For the session of an import."""

_log = structlog.get_logger("rosterhub.import")


def run_import(import_id: int, config: Settings) -> None:
    """Carry out an import, or what is left of it; returns at once when it has ended already.

    Raises:
        psycopg.Error: the database went away; call again later, nothing is half done.
    """
    with (
        connect(config.write_url, f"rosterhub import {import_id}") as connection,
        connect(config.write_url, f"rosterhub import {import_id} progress") as reporting,
    ):
        # Claimed first: what is read before may be what another worker just ended.
        if not claim(connection, import_id):
            return
        found = records.load(connection, import_id)
        if not found:
            return
        if found.state == "waiting":
            return
        for setting in _SETTINGS:
            connection.execute(compiled(f"SET {setting}"))
        if found.undo and found.undo["state"] == "queued":
            _take_back(connection, config, import_id, force=bool(found.undo.get("force")))
            return
        if found.state in records.FINAL:
            # A worker died between the end and the tidying up.
            records.discard(connection, import_id)
            _complete_indexes(connection)
            return
        try:
            _carry_out(_Run(found, config, connection, reporting))
        except (records.EndedError, psycopg.OperationalError) as error:
            if not _cancelled(reporting, import_id):
                raise
            records.discard(reporting, import_id)
            _log.info("CSV import cancelled", import_id=import_id, seen_by=type(error).__name__)


def _carry_out(run: "_Run") -> None:
    """Bring the import to an end, or to where it waits for a person."""
    if run.job.attempts >= _ATTEMPTS:
        run.fail(Issue("worker_gave_up", details={"value": run.job.attempts}))
        return
    try:
        run.until_nobody_interferes()
    except RefusedError as refused:
        records.add_issues(run.connection, run.job.id, [refused.issue])
        run.fail(refused.issue)
    except psycopg.errors.DiskFull:
        # What was staged gives its room back, in which the end can be written. Where it cannot, the
        # job is tried again later, and says it then.
        records.drop_staging(run.connection, run.job.id)
        run.fail(Issue("disk_full"))
    except _LIMITS as error:
        _broke(run, error)
    except (records.EndedError, psycopg.OperationalError, *_CONFLICTS):
        # Cancelled, or away: the job is tried again later.
        raise
    except Exception as error:
        _broke(run, error)


def _broke(run: "_Run", error: Exception) -> None:
    """End as failed by a fault of our own."""
    _log_without_data(error, run.job.id)
    run.fail(Issue("internal_error", details={"value": run.job.id}))


def _complete_indexes(connection: Connection) -> None:
    """Make what a first load did without; where that cannot be now, `jobs.cleaning` does it."""
    try:
        indexes.complete(connection)
    except (
        psycopg.errors.LockNotAvailable,
        psycopg.errors.DeadlockDetected,
        psycopg.errors.DiskFull,
    ) as error:
        _log.warning("indexes are left to be made", error=type(error).__name__)


def _cancelled(connection: Connection, import_id: int) -> bool:
    """Whether that is why nothing goes on: who cancels ends the session of the import as well."""
    try:
        found = records.load(connection, import_id)
    except psycopg.OperationalError:
        return False
    return found is not None and found.state == "rejected"


def _take_back(connection: Connection, config: Settings, import_id: int, *, force: bool) -> None:
    """Undo the import and keep what came of it."""
    try:
        if _forgotten(connection, config, import_id):
            raise RefusedError(Issue("undo_too_late"))
        done = undo(connection, import_id, force=force)
    except RefusedError as refused:
        kept = _refused(refused.issue)
    except psycopg.errors.UniqueViolation:
        taken = name_taken(connection, import_id)
        if not taken:
            raise
        kept = _refused(taken)
    except psycopg.errors.DiskFull:
        kept = _refused(Issue("disk_full"))
    else:
        kept = done.document
    records.update(connection, import_id, undo=kept)
    _log.info("import undo ended", import_id=import_id, outcome=kept["state"])


def _refused(issue: Issue) -> dict[str, Any]:
    """An undo that did nothing, as the import's row keeps it."""
    return {"state": "refused", **(records.reason(issue) or {})}


def _forgotten(connection: Connection, config: Settings, import_id: int) -> bool:
    """Whether what the import replaced may be pruned from the history."""
    row = connection.execute(
        "SELECT FROM imports WHERE id = %s AND finished_at < now() - make_interval(days => %s)",
        [import_id, config.history_days],
    ).fetchone()
    return row is not None


def _log_without_data(error: Exception, import_id: int) -> None:
    """Log where our own code failed: not the error's text, in which somebody's name may stand."""
    _log.error(
        "import broke",
        import_id=import_id,
        error=type(error).__name__,
        sqlstate=getattr(error, "sqlstate", None),
        traceback="".join(traceback.format_tb(error.__traceback__)),
    )


@dataclass(slots=True)
class _Run:
    """One attempt at an import."""

    job: records.Import
    config: Settings
    connection: Connection
    reporting: Connection
    timings: dict[str, float] = field(default_factory=dict[str, float])
    stood: dict[str, str] = field(default_factory=dict[str, str])
    total: int = 0
    unread: set[str] = field(default_factory=set[str])
    has_more: bool = False
    version: str | None = None
    base: Base | None = None
    _shown: float = 0.0
    _began: float = 0.0

    def until_nobody_interferes(self) -> None:
        """Everything, again from the beginning where another import came first."""
        for _ in range(_TRIES - 1):
            try:
                return self.steps()
            except _CONFLICTS as error:
                _log.info("import begins again", import_id=self.job.id, why=type(error).__name__)
        self.steps()

    def steps(self) -> None:
        """Everything in order, without what stands in the base word by word if that will do."""
        records.begin(self.connection, self.job.id)
        if later := self._superseded_by():
            raise RefusedError(Issue("import_superseded", details={"value": later}))
        self.stood = versions.tokens(self.connection)
        self.base = find(self.connection, self.job.request, self.stood)
        if self.base and not self._attempt():
            records.forget_issues(self.connection, self.job.id)
            self.base = None
        if not self.base:
            self._attempt()

    def _superseded_by(self) -> int | None:
        """The later import that is applied already: it came first where this one was approved late,
        or was taken up late after its job was lost.
        """
        if self.job.request.dry_run:
            return None
        return records.superseded_by(self.connection, self.job.id, self.job.request.source)

    def _attempt(self) -> bool:
        """Go through the steps until the import ends or waits; False when the files must be read
        whole first, which is only so with a base. Nothing is applied then.
        """
        self.timings, self.unread, self.total = {}, set(), 0
        with self._step("staging"):
            staged = self._stage()
            unseen = self.unread or self.has_more
            if not unseen and not any(file.incomplete for file in staged):
                records.keep_upload(self.connection, self.job.id)
        with self._step("checking"):
            source, level = self.job.request.source, self.job.request.level
            by = self._profile(staged)
            if self.base and self.base.profile != by.id:
                return False
            scenes = check(
                self.connection,
                self.job.id,
                staged,
                source,
                self.unread,
                level,
                by,
                with_placeholders=self.job.request.placeholders,
            )
        errors, _, warnings = records.count_issues(self.connection, self.job.id)
        self.total = sum(file.rows for file in staged)
        records.advance(self.connection, self.job.id, total=self.total, warnings=warnings)
        if errors and self.base:
            return False
        if errors:
            skipping = self.job.request.on_error == "skip"
            if not skipping or not leave_out(scenes):
                code = "files_in_error" if skipping else "rows_in_error"
                self.fail(Issue(code, details={"errors": errors}))
                return True
        made = self._placeholders(scenes) if self.job.request.placeholders else []
        with self._step("comparing"):
            derived = roles_of_11(self.connection, staged)
            everything = [*made, *staged, derived] if derived else [*made, *staged]
            plans = [compare(self.connection, file, source) for file in everything]
            touched = touched_owners(self.connection, plans)
            warn_of_stragglers(self.connection, self.job.id, plans)
            if self.base and self._doubted(plans, by):
                return False
        if self.job.request.dry_run:
            self._alarms(plans, dry_run=True)
            difference.write(self.connection, self.job.id, plans)
            with as_it_would_be(self.connection, plans):
                health.write(self.connection, self.job.id)
            self._complete(plans)
        elif self._has_to_wait(plans):
            return True
        else:
            with self._without_indexes(plans):
                with self._step("applying"):
                    self._apply(plans, touched)
                analyze(self.connection, plans)
        records.discard(self.connection, self.job.id)
        left = sum(file.left_out for file in staged)
        more = f", {left} left out" if left else ""
        processed = f"{self.total - left} records processed"
        _log.info(f"CSV import completed: {processed}{more}", import_id=self.job.id)
        return True

    @contextmanager
    def _without_indexes(self, plans: list[Plan]) -> Generator[None]:
        """Set indexes aside where much comes into an empty table, and build them anew after it."""
        large = {p.file.entity.name: p.file.entity for p in plans if p.created >= _FIRST_LOAD}
        set_aside = [indexes.set_aside(self.connection, entity) for entity in large.values()]
        try:
            yield
        finally:
            if any(set_aside):
                # Of the two sessions the one that has not ended: who cancels ends the other.
                _complete_indexes(self.reporting)

    def _doubted(self, plans: list[Plan], by: Profile) -> bool:
        """Whether what was found may concern rows that the base has, too."""
        why = doubt(self.connection, self.job.id, plans, self.job.request.source, by)
        if why:
            _log.info("import reads all rows", import_id=self.job.id, why=why)
        return why is not None

    def _profile(self, staged: list[StagedFile]) -> Profile:
        """Say which profile it is read by, and what it lacks of that."""
        found = profile.taken(self.job.request.profile, self.version, staged)
        records.advance(self.connection, self.job.id, profile_taken=found.id)
        self._report(profile.issues(found, self.version, staged))
        return found

    def _placeholders(self, scenes: list[Scene]) -> list[StagedFile]:
        """What has to be made for the rows that are left."""
        if any(scene.file.left_out for scene in scenes):
            placeholders.make(scenes)
        placeholders.report(scenes)
        return list(scenes[0].made.values()) if scenes else []

    def _has_to_wait(self, plans: list[Plan]) -> bool:
        """Whether a person has to look at the import first; it is then in the state waiting."""
        seen = self.job.approved and self._was_shown(plans)
        found = self._alarms(plans, seen=seen)
        if not found or seen:
            return False
        difference.write(self.connection, self.job.id, plans)
        self._end("waiting", plans, reason=guard.issues(found)[0])
        records.drop_staging(self.connection, self.job.id)
        _log.warning("import waits for approval", import_id=self.job.id)
        return True

    def _was_shown(self, plans: list[Plan]) -> bool:
        """Whether somebody was shown as many deletions and changes of each entity, or more."""
        shown = {file["entity"]: file for file in self.job.files}
        return all(
            p.deleted + p.gone.count <= shown.get(p.file.entity.name, _NONE)["deleted"]
            and p.updated <= shown.get(p.file.entity.name, _NONE)["updated"]
            for p in plans
            if not p.file.owner
        )

    def _alarms(
        self, plans: list[Plan], *, seen: bool = False, dry_run: bool = False
    ) -> list[guard.Alarm]:
        """What the guard says, with what it warns of; of what somebody has `seen` it does not."""
        found = guard.alarms(self.connection, plans, self.job.request.source, self.config)
        new_year = guard.rollover(self.connection, plans)
        warnings = [] if seen else guard.issues(found, dry_run=dry_run)
        warnings += [new_year] if new_year else []
        records.add_issues(self.connection, self.job.id, warnings)
        return found

    def fail(self, issue: Issue) -> None:
        """End as failed; the roster is as it was."""
        _, rows, warnings = records.count_issues(self.connection, self.job.id)
        records.fail(
            self.connection,
            self.job.id,
            issue,
            failed=rows,
            warnings=warnings,
            timings=self.timings,
            total=self.total,
        )
        records.discard(self.connection, self.job.id)
        _log.error(
            f"CSV import failed: {sentence(issue.code, issue.details)}", import_id=self.job.id
        )

    @contextmanager
    def _step(self, name: records.State) -> Generator[None]:
        started = self._began = time.perf_counter()
        records.advance(self.reporting, self.job.id, state=name, progress=_SHARES[name][0])
        yield
        self.timings[name] = round(time.perf_counter() - started, 3)

    def _progress(self, step: str, done: float, of: float) -> None:
        """Say how far a step is, at most five times a second."""
        now = time.monotonic()
        if now - self._shown < 0.2:
            return
        self._shown = now
        low, high = _SHARES[step]
        progress = low + (high - low) * min(done / of, 1.0) if of else low
        rate = done / (time.perf_counter() - self._began)
        records.advance(
            self.reporting, self.job.id, progress=progress, total=self.total, rows_per_second=rate
        )

    def _stage(self) -> list[StagedFile]:
        def upload() -> Upload:
            # Read while the other connection is busy copying.
            return Upload(self.reporting, self.job.id)

        if not upload().size:
            raise RefusedError(Issue("upload_empty", file=self.job.request.file_name))
        with self._open(upload) as package, self._base_files() as of_base:
            self._report(package.issues)
            self.version, self.has_more = package.version, package.has_more
            staged: list[StagedFile] = []
            self.unread |= package.unread
            for file in package.files:
                before = self.total

                def progress(rows: int, before: int = before) -> None:
                    self.total = before + rows
                    self._progress("staging", self.total, self.total + 100_000)

                result = stage(
                    self.connection,
                    self.job.id,
                    file,
                    self.job.request.encoding,
                    self._report,
                    progress,
                    of_base.get(file.entity.name) if file.mode == "bulk" else None,
                )
                self.total = before + (result.rows if result else 0)
                if result:
                    staged.append(result)
                if not result or result.broken:
                    self.unread.add(file.entity.name)
        if self.base:
            unstaged = sum(file.unstaged or 0 for file in staged)
            _log.info(
                "import builds on another",
                import_id=self.job.id,
                base=self.base.id,
                rows=self.total,
                the_same=unstaged,
            )
        return staged

    @contextmanager
    def _base_files(self) -> Generator[dict[str, Callable[[], IO[bytes]]]]:
        """How to open the files of the base, by their entities; none where it is not kept."""
        base = self.base
        if base is None or not Upload(self.reporting, base.id).size:
            yield {}
            return
        with ExitStack() as stack:
            try:
                opened = self._open(lambda: Upload(self.reporting, base.id))
                files = openers(base, stack.enter_context(opened))
            except RefusedError:
                # Pruned just now.
                files = {}
            yield files

    def _report(self, issues: list[Issue]) -> None:
        level = self.job.request.level
        records.add_issues(self.reporting, self.job.id, [issue.at(level) for issue in issues])

    @contextmanager
    def _open(self, upload: Callable[[], Upload]) -> Generator[Package]:
        request = self.job.request
        if request.entity:
            if request.entity not in ENTITIES:
                raise RefusedError(unknown_entity(request.entity))
            mode = request.mode or "merge"
            yield single_file(upload, request.entity, mode, request.file_name)
        else:
            with open_package(upload, self.config.csv_unpacked_max_size) as package:
                yield package

    def _apply(self, plans: list[Plan], touched: dict[str, Records]) -> None:
        records.advance(self.connection, self.job.id, state="applying")
        rows = sum(p.created + p.updated + p.deleted + p.owned + p.gone.count for p in plans)
        done = 0

        def progress(count: int) -> None:
            nonlocal done
            done += count
            self._progress("applying", done, rows)

        replacing = {p.file.entity.name for p in plans if p.replaces}
        history.ensure_partitions(self.connection, replacing | touched.keys())
        with self.connection.transaction():
            started = time.perf_counter()
            stood = apply(
                self.connection,
                plans,
                touched,
                self.job.id,
                self.job.request.source,
                self.config.csv_batch_size,
                progress,
            )
            self.timings["applying"] = round(time.perf_counter() - started, 3)
            # Else somebody changed the roster after it was compared.
            if stood == self.stood:
                remember(self.connection, self.job.id, [plan.file for plan in plans])
            self._complete(plans)

    def _complete(self, plans: list[Plan]) -> None:
        self._end("completed", plans)

    def _end(self, state: records.State, plans: list[Plan], reason: Issue | None = None) -> None:
        """Say in one statement how it ended and what was done, or would be."""
        own = [p for p in plans if not p.file.owner]
        made = placeholders_made(self.connection, plans)
        files: list[dict[str, Any]] = []
        for plan in own:
            deleted = plan.deleted + plan.gone.count
            applied = plan.file.rows - plan.file.left_out
            unchanged = applied - plan.created - plan.updated - plan.deleted
            files.append(
                {
                    "file": plan.file.name,
                    "entity": plan.file.entity.name,
                    "mode": plan.file.mode,
                    "total": plan.file.rows,
                    "created": plan.created,
                    "updated": plan.updated,
                    "unchanged": unchanged,
                    "deleted": deleted,
                    "failed": plan.file.left_out,
                    "placeholders": 0 if plan.file.derived else made.get(plan.file.name, 0),
                }
            )
        names = ("total", "created", "updated", "unchanged", "deleted", "failed")
        counts = {name: sum(f[name] for f in files) for name in names}
        if counts["failed"] and not reason:
            reason = Issue("rows_left_out", details={"value": counts["failed"]})
        _, _, warnings = records.count_issues(self.connection, self.job.id)
        say = records.finish if state in records.FINAL else records.advance
        say(
            self.connection,
            self.job.id,
            state=state,
            progress=100 if state == "completed" else _SHARES["applying"][0],
            reason=records.reason(reason),
            files=files,
            timings=self.timings,
            warnings=warnings,
            **counts,
        )


def unknown_entity(name: str) -> Issue:
    """The issue for an entity that does not exist."""
    return Issue("entity_unknown", details={"value": name, "known": ", ".join(ENTITIES)})
