"""Logging of every process: one set-up for our own records and for those of libraries. Knows no event and no bus."""

from edge.logs.records import configure

__all__ = ["configure"]
