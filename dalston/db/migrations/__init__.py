"""The steps that a database takes from one schema to the next."""
