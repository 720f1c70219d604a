"""Looks a hub over and says what is wrong and what to do (docs/doctor.md). Mends nothing."""
