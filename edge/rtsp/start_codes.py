"""Annex-B start codes inside RTP payloads, where none belong; V380, MacroVideo and Amatek glue NAL units with them."""

from typing import Final

START_CODE: Final = b"\x00\x00\x01"
"""A legal NAL unit never holds it, so where it stands, one ends and another begins."""


def split_start_codes(data: bytes) -> list[bytes]:
    """The NAL units in `data`; zeros in front of a start code (its four-byte form, trailing zeros) belong to none."""
    *pieces, last = data.split(START_CODE)
    return [piece for piece in (*(piece.rstrip(b"\x00") for piece in pieces), last) if piece]
