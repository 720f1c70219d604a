"""What an applied import leaves for the next one to build on (docs/adr/0017): the files in whose
rows nothing was found, and the versions of the data as it left them.

Revision: 0002
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; a version of the program that does not know it leaves it empty."""
    op.execute("ALTER TABLE imports ADD COLUMN carried jsonb")


def downgrade() -> None:
    """Take it away: every import reads its files whole again."""
    op.execute("ALTER TABLE imports DROP COLUMN carried")
