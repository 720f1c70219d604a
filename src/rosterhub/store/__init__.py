"""PostgreSQL: connections, schema, queries, migrations."""
