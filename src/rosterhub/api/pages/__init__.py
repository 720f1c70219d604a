"""Files of the pages that the API shows."""
