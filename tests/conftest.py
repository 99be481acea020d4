"""Fixtures that tests of several folders share, and how long a property may take: as long as the machine needs."""

from hypothesis import settings
from journal_places import make_place, place
from postgres import postgres_server

__all__ = ["make_place", "place", "postgres_server"]

settings.register_profile("saksi", deadline=None)
settings.load_profile("saksi")
