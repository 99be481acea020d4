"""Bits of parameter sets and slice headers, written one syntax element after the other."""

from dataclasses import dataclass


class Bits:
    """A payload in the making; each method writes what its name in the standards' tables of syntax means."""

    def __init__(self):
        self._bits = ""

    def u(self, bits, value):
        self._bits += f"{value:0{bits}b}" if bits else ""
        return value

    def ue(self, value):
        binary = f"{value + 1:b}"
        self._bits += "0" * (len(binary) - 1) + binary
        return value

    def se(self, value):
        self.ue(2 * value - 1 if value > 0 else -2 * value)
        return value

    def flag(self, value):
        return self.u(1, bool(value)) == 1

    def append(self, other):
        self._bits += other._bits

    def nal(self, header):
        bits = self._bits + "1"
        bits += "0" * (-len(bits) % 8)
        out = bytearray()
        for byte in int(bits, 2).to_bytes(len(bits) // 8, "big"):
            if out[-2:] == b"\x00\x00" and byte <= 3:
                out.append(3)
            out.append(byte)
        return header + bytes(out)


@dataclass
class Written:
    """The NAL units of one picture and the quantiser that was written."""

    sets: list[bytes]
    slice: bytes
    qp: int


def maybe(random):
    return random.random() < 0.5
