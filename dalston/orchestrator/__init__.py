"""Turns events and the state of the database into tasks and results."""
