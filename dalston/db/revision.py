"""Which schema this code is written for; imports nothing, so that asking costs nothing."""

SCHEMA_REVISION = "0011"
"""The migration that this code is written for; a test compares it with the newest one."""
