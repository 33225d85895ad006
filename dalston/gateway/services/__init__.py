"""What the handlers call: no HTTP in here."""
