"""The first schema: entities, keys, audit log, imports, jobs.

Revision: 0001
"""

from importlib import resources

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _run(sql: str) -> None:
    """Run a script as it stands: no parameters, so a percent sign means itself."""
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    driver.execute(sql)


def _script(name: str) -> str:
    return resources.files("rosterhub.store.migrations").joinpath("sql", name).read_text("utf-8")


def upgrade() -> None:
    """Create everything."""
    _run(_script("0001_entities.sql"))
    _run(_script("0001_history.sql"))
    _run(_script("0001_house.sql"))
    # Jobs are procrastinate's own business: its library brings the schema it was written for.
    _run("CREATE SCHEMA procrastinate")
    _run("SET LOCAL search_path TO procrastinate, public")
    _run(SchemaManager.get_schema())
    _run("SET LOCAL search_path TO public")


def downgrade() -> None:
    """Drop everything, the data included."""
    _run(_script("0001_down.sql"))
