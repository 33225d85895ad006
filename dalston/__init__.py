"""Dalston: a self-hosted, modular server that turns recordings into transcripts."""

__version__ = "0.1.0"
