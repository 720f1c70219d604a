"""RosterHub: the roster hub of a board of education."""

__version__ = "0.2.0.dev0"
