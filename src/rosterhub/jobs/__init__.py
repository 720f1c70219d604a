"""Background work: the procrastinate app and its tasks."""
