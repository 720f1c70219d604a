"""Running the hub: embedded servers, sample boards, care of the database."""
