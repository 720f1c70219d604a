"""RosterHub: the roster hub of a board of education."""

__version__ = "0.1.0"
