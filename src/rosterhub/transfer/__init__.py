"""CSV in and out: package, stage, check, compare, apply, export."""
