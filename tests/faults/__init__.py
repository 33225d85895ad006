"""Tools that break a server on purpose, and the tests that need them."""
