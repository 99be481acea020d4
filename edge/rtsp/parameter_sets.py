"""The parameter sets in force on a video track: from the SDP at first, then as the camera sends them."""

from collections.abc import Iterable
from typing import Final

from edge.errors import CodecError
from edge.rtsp.nal import NalRules

MOST_SETS: Final = 64
"""More would not fit a sample entry; a stream that sends more is not a camera's."""
MOST_SET_BYTES: Final = 0xFFFF
"""MP4 gives the length of a parameter set 16 bits."""

_Key = tuple[int, int]


class ParameterSets:
    """VPS, SPS and PPS by type and id; `in_force` keeps its identity until something changes."""

    def __init__(self, rules: NalRules, initial: Iterable[bytes] = ()) -> None:
        self.in_force: tuple[bytes, ...] = ()
        self._rules = rules
        self._complete = False
        self._sets: dict[_Key, bytes] = {}
        self._collected: dict[_Key, bytes] = {}
        for nal in initial:
            self.collect(nal)
        self.commit()

    def collect(self, nal: bytes | bytearray) -> None:
        """Take a set that came in front of a picture, if it can be read; it is in force from the next commit on."""
        data = bytes(nal).rstrip(b"\x00")  # GW sends zeros behind its sets; no NAL unit ends in one
        if not self._rules.nal_header_bytes < len(data) <= MOST_SET_BYTES:
            return
        key = next((key for key, known in self._sets.items() if known == data), None)
        try:
            key = key or (self._rules.nal_type(data[0]), self._rules.parameter_id(data))
        except CodecError:
            return
        if key[0] in self._rules.parameter_set_order and (key in self._collected or len(self._collected) < MOST_SETS):
            self._collected[key] = data

    def commit(self) -> bool:
        """Put the collected sets in force and say whether anything changed.

        Where a changed SPS came with all that a decoder needs, what belonged to the old one is forgotten.
        """
        collected, self._collected = self._collected, {}
        if all(self._sets.get(key) == nal for key, nal in collected.items()):
            return False
        sets = self._sets | collected
        if (self._has_all(collected) and self._changes_sps(collected)) or len(sets) > MOST_SETS:
            sets = collected
        self._sets = sets
        order = self._rules.parameter_set_order
        self.in_force = tuple(sets[key] for key in sorted(sets, key=lambda key: (order.index(key[0]), key[1])))
        self._complete = self._has_all(sets)
        return True

    def complete(self) -> bool:
        """Whether a decoder has all it needs."""
        return self._complete

    def _has_all(self, sets: dict[_Key, bytes]) -> bool:
        return {kind for kind, _ in sets}.issuperset(self._rules.parameter_set_order)

    def _changes_sps(self, collected: dict[_Key, bytes]) -> bool:
        sps = self._rules.parameter_set_order[-2]
        return any(key[0] == sps and self._sets.get(key) != nal for key, nal in collected.items())
