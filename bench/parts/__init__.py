"""The servers that a distributed deployment stands on, from wheels, on loopback only.

PostgreSQL 16, Valkey over TCP with a password, SeaweedFS as an S3 server with credentials. The
benchmark measures on them, and the tests run on them.
"""
