"""Speed as a ratio to a floor taken in the same run; see README.md here."""
