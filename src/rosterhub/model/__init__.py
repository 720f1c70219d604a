"""What OneRoster is: entities, profiles, values, filters. No input or output."""
