"""Segments on disk: their names, their lifecycle, and the disk that they may be written to."""
