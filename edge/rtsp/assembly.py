"""Puts NAL units together to access units. Knows timestamps and gaps as the RTP side tells them, but no packets.

A unit ends where its last packet is marked, its timestamp changes, or another picture begins. A unit of which something
is missing is thrown away; the next one says so.
"""

import struct
from collections.abc import Callable
from typing import Final

from edge.rtsp.nal import VCL, Kind, NalRules
from edge.rtsp.parameter_sets import ParameterSets
from edge.rtsp.start_codes import START_CODE, split_start_codes
from edge.rtsp.units import AccessUnit

MOST_UNIT_BYTES: Final = 16 << 20
MOST_NALS: Final = 512
WATCHED_UNITS: Final = 30
WATCHED_RANDOM_ACCESSES: Final = 4
"""So many first units, and first random access pictures, are searched for start codes; all are once one was found."""

_LENGTH = struct.Struct(">I")


class Assembly:
    """The open access unit of one video track, and what goes from it to the next."""

    def __init__(self, rules: NalRules, sets: ParameterSets, emit: Callable[[AccessUnit], None]) -> None:
        self.dropped_units = 0
        self._rules = rules
        self._sets = sets
        self._emit = emit
        self._fields = rules.has_fields(sets.in_force)
        self._timestamp = -1
        self._arrival_ns = 0
        self._lost = 0
        self._after_loss = False
        self._follows = False
        """Nothing is missing since the unit that was handed over last."""
        self._handed_timestamp = -1
        self._units = 0
        self._random_accesses = 0
        self._start_codes = False
        self._begin()

    def _begin(self) -> None:
        self._parts: list[bytes | bytearray] = []
        self._size = 0
        self._nals = 0
        self._has_picture = False
        self._has_random_access = False
        self._all_intra = True
        self._recovery_frames = -1
        self._continues = False
        self._damaged = False

    def packet(self, timestamp: int, arrival_ns: int) -> None:
        """A packet comes. What waits for a picture goes with the next one, whatever its timestamp (Reolink, Tapo)."""
        if timestamp != self._timestamp:
            if self._has_picture or self._damaged:
                self._end()
            self._timestamp = timestamp
        self._arrival_ns = arrival_ns

    def gap(self, lost_packets: int) -> None:
        """Packets are missing here: the open picture is damaged; what waited for one may belong to a lost one."""
        self._lost += lost_packets
        self._after_loss = True
        self._follows = False
        if self._has_picture:
            self.damage()
        elif not self._damaged:
            self._begin()

    def damage(self) -> None:
        """Something of the open unit is missing or cannot be kept."""
        self._damaged = True
        self._parts.clear()
        self._size = 0

    def marked(self) -> None:
        """The packet was marked as the last of its unit; Reolink, Tapo and others mark parameter sets and SEI too."""
        if self._has_picture or self._damaged:
            self._end()

    def searches(self, kind: Kind) -> bool:
        """Whether a NAL unit of this kind has to be looked through for start codes, and so be given whole."""
        return (
            self._start_codes
            or self._units < WATCHED_UNITS
            or (kind is Kind.RANDOM_ACCESS and self._random_accesses < WATCHED_RANDOM_ACCESSES)
            or kind not in VCL
        )

    def nal(self, nal: bytes | bytearray) -> None:
        """Take a whole NAL unit, or several with start codes between them."""
        kind = self._rules.kind(self._rules.nal_type(nal[0]))
        if self.searches(kind) and START_CODE in nal:
            self._start_codes = True
            for piece in split_start_codes(bytes(nal)):
                self._one_nal(piece, self._rules.kind(self._rules.nal_type(piece[0])))
        else:
            self._one_nal(nal, kind)

    def _one_nal(self, nal: bytes | bytearray, kind: Kind) -> None:
        if kind is Kind.DROPPED or len(nal) < self._rules.nal_header_bytes:
            return
        if kind in VCL:
            self.slice(nal, kind)
        elif kind is not Kind.ATTACHED and self._has_picture and not self._fields:
            self._end()
        if kind is Kind.PARAMETER_SET:
            self._sets.collect(nal)
            return
        if kind is Kind.LEADING:
            self._leading(nal)
        self.add(nal)

    def add(self, nal: bytes | bytearray) -> None:
        """Add a NAL unit to the open unit."""
        if self._damaged:
            return
        if nal.endswith(b"\x00"):  # cameras pad; no NAL unit ends in a zero
            nal = nal.rstrip(b"\x00")
        size = len(nal)
        if self._size + size > MOST_UNIT_BYTES or self._nals >= MOST_NALS:
            self.damage()
            return
        self._parts.append(_LENGTH.pack(size))
        self._parts.append(nal)
        self._size += 4 + size
        self._nals += 1

    def _leading(self, nal: bytes | bytearray) -> None:
        frames = self._rules.recovery_frames(nal)
        if frames is not None:
            self._recovery_frames = frames

    def slice(self, head: bytes | bytearray, kind: Kind) -> None:
        """A slice comes, known by its first bytes: it begins a picture, or goes on with the open or the last one."""
        starts = kind is not Kind.PICTURE_REST and self._rules.starts_picture(head)
        if starts and (self._has_picture or self._damaged) and not self._fields:
            self._end()
        if not self._has_picture:
            second_field = self._fields and self._timestamp == self._handed_timestamp
            if self._follows and (second_field or not starts):
                # The camera marks every slice, or gives the slices of one picture several timestamps.
                self._continues = True
            elif not starts:
                self.damage()
        self._has_picture = True
        if kind is Kind.RANDOM_ACCESS:
            self._has_random_access = True
        elif self._recovery_frames == 0 and not self._rules.is_intra(head):
            self._all_intra = False

    def _end(self) -> None:
        """Hand the open unit over, or throw it away where it is damaged."""
        self._units += 1
        if self._damaged:
            self.dropped_units += 1
            self._after_loss = True
            self._follows = False
        else:
            self._hand_over()
        self._begin()

    def _hand_over(self) -> None:
        random_access = self._has_random_access or (self._recovery_frames == 0 and self._all_intra)
        recovery_point = self._recovery_frames >= 0
        if self._continues:  # no decoder can start at the rest of a picture
            random_access = recovery_point = False
        else:
            self._handed_timestamp = self._timestamp
            self._commit_sets(at_start=random_access or recovery_point)
        self._random_accesses += random_access
        unit = AccessUnit(
            timestamp=self._handed_timestamp,
            arrival_ns=self._arrival_ns,
            parts=self._parts,
            size=self._size,
            random_access=random_access,
            recovery_point=recovery_point,
            parameter_sets=self._sets.in_force,
            continues=self._continues,
            lost_packets=self._lost,
            after_loss=self._after_loss,
        )
        self._lost = 0
        self._after_loss = False
        self._follows = True
        self._emit(unit)

    def _commit_sets(self, *, at_start: bool) -> None:
        """Sets change where a decoder can start; the first ones that come are in force at once."""
        if (at_start or not self._sets.complete()) and self._sets.commit():
            self._fields = self._rules.has_fields(self._sets.in_force)
