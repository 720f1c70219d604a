"""The HTTP surface: OneRoster reads, imports, exports, health."""
