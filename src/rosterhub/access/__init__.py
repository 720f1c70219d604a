"""Who may do what: API keys, and the audit log of every request."""
