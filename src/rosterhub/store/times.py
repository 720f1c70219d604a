"""When a record changed last, as the database says it."""

MOVED_ON = "greatest(now(), t.date_last_modified + interval '1 millisecond')"
"""SQL for the time of a change of ours: a record's time never stands still or goes back, so that
whoever has seen the record finds by its time that it changed."""
