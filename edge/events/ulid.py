"""ULIDs: 48 bits of milliseconds and 80 random bits in 26 characters that sort by time. Names epochs."""

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford: no I, L, O, U
_LENGTH = 26


def ulid(wall_ns: int, randomness: bytes) -> str:
    """The ULID of a wall-clock time and 10 random bytes; raises ValueError when either does not fit."""
    milliseconds = wall_ns // 1_000_000
    if not 0 <= milliseconds < 1 << 48:
        raise ValueError(f"wall_ns {wall_ns}: a ULID holds times from 1970 to 10889")
    if len(randomness) != 10:
        raise ValueError(f"{len(randomness)} random bytes; a ULID takes 10")
    number = milliseconds << 80 | int.from_bytes(randomness)
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(_LENGTH)))
