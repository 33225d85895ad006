"""What every room may use: a closed list, see `docs/decisions/`."""
