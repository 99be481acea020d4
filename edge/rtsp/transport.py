"""The Transport header of SETUP: what we ask for and how a camera's answer is understood."""

import re
from typing import Final

LAST_CHANNEL: Final = 255

_INTERLEAVED = re.compile(r"(?i)\binterleaved\s*=\s*\"?(\d{1,3})")


def asked_transport(channel: int) -> str:
    """The header that asks for RTP on `channel` and RTCP on the next, and for nothing that servers stumble over."""
    return f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}"


def answered_channel(transport: str | None, asked: int) -> int:
    """The RTP channel that the camera says; the asked one where it says none or nonsense.

    The rest of the header decides nothing: Escam leaves `/TCP` out, others mix the order or write broken SSRCs.
    """
    found = _INTERLEAVED.search(transport or "")
    channel = int(found[1]) if found else asked
    return channel if channel < LAST_CHANNEL else asked


def names_udp(transport: str | None) -> bool:
    """Whether the answer speaks of UDP ports and of no channel, so that pictures will hardly come over TCP."""
    text = (transport or "").lower()
    return "interleaved" not in text and ("server_port" in text or "client_port" in text)
