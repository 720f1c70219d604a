"""Monthly and weekly reports of a hub (docs/reports.md): numbers, and how they are put on paper."""
