"""Reading bit fields of a raw byte sequence payload (RBSP). Knows no syntax of any codec."""

from edge.errors import CodecError

_LONGEST_PREFIX = 32  # an Exp-Golomb code of H.264 and H.265 stands for at most 32 bits


def unescape(nal: bytes) -> bytes:
    """The payload of a NAL unit without its emulation prevention bytes."""
    return nal.replace(b"\x00\x00\x03", b"\x00\x00")


class BitReader:
    """Reads big-endian bit fields; every read past the end raises CodecError."""

    __slots__ = ("_data", "_end", "_position")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0
        self._end = 8 * len(data)

    def u(self, bits: int) -> int:
        """An unsigned number of `bits` bits."""
        start = self._position
        self.skip(bits)
        stop = self._position
        window = int.from_bytes(self._data[start >> 3 : (stop + 7) >> 3], "big")
        return (window >> (-stop & 7)) & ((1 << bits) - 1)

    def flag(self) -> bool:
        """One bit."""
        return self.u(1) == 1

    def skip(self, bits: int) -> None:
        """Pass over `bits` bits."""
        if self._position + bits > self._end:
            raise CodecError(f"the data ends after {self._end} bits, within a field")
        self._position += bits

    def ue(self, most: int = 0xFFFF_FFFE) -> int:
        """An unsigned Exp-Golomb number; CodecError if it is greater than `most`."""
        zeros = 0
        while not self.u(1):
            zeros += 1
            if zeros > _LONGEST_PREFIX:
                raise CodecError(f"an Exp-Golomb code begins with more than {_LONGEST_PREFIX} zeros")
        value = (1 << zeros) - 1 + self.u(zeros)
        if value > most:
            raise CodecError(f"a field holds {value}; at most {most} is allowed")
        return value

    def se(self) -> int:
        """A signed Exp-Golomb number."""
        code = self.ue()
        return (code + 1) // 2 if code & 1 else -(code // 2)
