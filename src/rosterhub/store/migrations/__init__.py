"""Alembic migrations: frozen SQL, up and down."""
