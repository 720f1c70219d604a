"""PostgreSQL tables and indexes of the entities, derived from `model/entities.py`.

The migrations state the same in frozen SQL; `tests/integration/test_schema.py` compares the two,
so that neither can drift. Names are those of the operations manual.
"""

import re
from dataclasses import dataclass

from rosterhub.model.entities import RECORDS, Entity


@dataclass(frozen=True, slots=True)
class Column:
    """One SQL column; `definition` is its type with constraints."""

    name: str
    definition: str


@dataclass(frozen=True, slots=True)
class Index:
    """One index by its full name; `definition` is what follows `ON table`."""

    name: str
    definition: str
    unique: bool = False


LONGEST_LOOKED_UP = 2_000
"""Bytes of a text in an index: PostgreSQL's rows of an index hold 2,704."""
LIVE = "status <> 'tobedeleted'"
"""The records that count for uniqueness: a leaver's username can be given again."""

_MANUAL_INDEXES: dict[str, tuple[Index, ...]] = {
    "users": (
        Index("users_username_key", f"(username) WHERE {LIVE}", unique=True),
        Index("users_user_master_identifier_key", f"(user_master_identifier) WHERE {LIVE}", True),
        # The other part of the two above, so that a filter on the name alone finds its record.
        Index("idx_users_username_gone", f"(username) WHERE NOT ({LIVE})"),
        Index(
            "idx_users_user_master_identifier_gone", f"(user_master_identifier) WHERE NOT ({LIVE})"
        ),
        Index("idx_users_status", "(status) WHERE status = 'active'"),
        Index("idx_users_org_sourced_ids", "USING gin (org_sourced_ids)"),
        Index("idx_users_date_last_modified", "(date_last_modified)"),
        # Ours: staff are looked up by it, and most pupils have none.
        Index("idx_users_email", "(email) WHERE email IS NOT NULL"),
    ),
    "classes": (
        Index("idx_classes_course_sourced_id", "(course_sourced_id)"),
        Index("idx_classes_school_sourced_id", "(school_sourced_id)"),
    ),
    "enrollments": (
        Index("idx_enrollments_class_sourced_id", "(class_sourced_id)"),
        Index("idx_enrollments_user_sourced_id", "(user_sourced_id)"),
        Index("idx_enrollments_role", "(role)"),
    ),
}
"""Indexes whose names the manual gives (パフォーマンスチューニング, インデックス最適化)."""


def _own(table: str, column: str) -> Index:
    """An index in whose order the pages below a record can be read."""
    # PostgreSQL cuts names there.
    name = f"idx_{table}_{column}"[:63]
    return Index(
        name, f"USING gin ({column})" if column.endswith("_ids") else f"({column}, sourced_id)"
    )


_ASKED_FOR: dict[str, tuple[Index, ...]] = {
    table: (Index(f"idx_{table}_date_last_modified", "(date_last_modified)"),)
    for table in ("classes", "enrollments", "line_items", "results")
}
"""What platforms filter large collections by: what has changed since they last asked."""

_OWN_INDEXES: dict[str, tuple[Index, ...]] = {
    table: tuple(_own(table, column) for column in columns) + _ASKED_FOR.get(table, ())
    for table, columns in {
        "academic_sessions": ("parent_sourced_id",),
        "orgs": ("parent_sourced_id",),
        "courses": ("org_sourced_id",),
        "classes": ("term_sourced_ids",),
        "roles": ("user_sourced_id", "org_sourced_id"),
        "user_profiles": ("user_sourced_id",),
        "enrollments": ("school_sourced_id",),
        "line_items": ("class_sourced_id", "school_sourced_id"),
        "results": ("line_item_sourced_id", "student_sourced_id", "class_sourced_id"),
        "score_scales": ("class_sourced_id", "org_sourced_id"),
        "line_item_learning_objective_ids": ("line_item_sourced_id",),
        "assessment_line_items": ("class_sourced_id",),
        "assessment_results": ("assessment_line_item_sourced_id", "student_sourced_id"),
        "assessment_line_item_learning_objective_ids": ("assessment_line_item_sourced_id",),
        "assessment_result_learning_objective_ids": ("assessment_result_sourced_id",),
        "line_item_score_scales": ("line_item_sourced_id",),
        "result_learning_objective_ids": ("result_sourced_id",),
        "result_score_scales": ("result_sourced_id",),
        "class_resources": ("class_sourced_id",),
        "course_resources": ("course_sourced_id",),
        "user_resources": ("user_sourced_id",),
    }.items()
}
"""Ours: what a JSON object is put together from, and what nested paths go through."""


def columns(entity: Entity) -> tuple[Column, ...]:
    """The columns of an entity's table, in order.

    `source_system` is the sending system whose bulk files decide about the record; `metadata` holds
    the `metadata.*` columns under flat keys (`jp.homeClass`). users also have `org_sourced_ids`,
    the orgs of their live roles, kept by the import. `valid_from` is since when the row holds and
    `import_id` which import wrote it (`store/history.py`).
    """
    fields = [Column(f.column, f.sql_type) for f in entity.stored_fields]
    derived = [Column("org_sourced_ids", "text[] NOT NULL DEFAULT '{}'")]
    return (
        Column("sourced_id", "text NOT NULL"),
        Column(
            "status", "text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted'))"
        ),
        Column("date_last_modified", "timestamptz(3) NOT NULL DEFAULT now()"),
        *fields,
        *(derived if entity.name == "users" else []),
        Column("metadata", "jsonb"),
        Column("source_system", "text NOT NULL DEFAULT 'default'"),
        Column("valid_from", "timestamptz NOT NULL DEFAULT now()"),
        Column("import_id", "bigint"),
    )


def indexes(entity: Entity) -> tuple[Index, ...]:
    """The indexes of an entity's table besides its primary key."""
    return _MANUAL_INDEXES.get(entity.table, ()) + _OWN_INDEXES.get(entity.table, ())


def looked_up(entity: Entity) -> frozenset[str]:
    """The columns that an index of the entity's table holds, each value in one piece."""
    return frozenset(
        column
        for index in indexes(entity)
        if (listed := re.match(r"\((.+?)\)", index.definition))
        for column in listed[1].split(", ")
    )


def create_table(entity: Entity) -> list[str]:
    """The statements that create an entity's table and indexes."""
    lines = [f'"{c.name}" {c.definition}' for c in columns(entity)]
    lines.append(f"CONSTRAINT {entity.table}_pkey PRIMARY KEY (sourced_id)")
    body = ",\n    ".join(lines)
    return [f"CREATE TABLE {entity.table} (\n    {body}\n)"] + [
        f"CREATE {'UNIQUE ' if i.unique else ''}INDEX {i.name} ON {entity.table} {i.definition}"
        for i in indexes(entity)
    ]


def create_all() -> list[str]:
    """The statements that create every entity's table."""
    return [statement for e in RECORDS.values() for statement in create_table(e)]
