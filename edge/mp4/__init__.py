"""Fragmented MP4 as Saksi records it: writing, finishing and reading back. Knows no camera and no clock."""
