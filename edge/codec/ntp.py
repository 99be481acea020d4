"""NTP's 64-bit time (RFC 5905: 32 bits of seconds, 32 of fraction): `prft` boxes, RTCP sender reports."""

_UNIX_EPOCH_IN_NTP_S = 2_208_988_800
_NS = 1_000_000_000
_ERA_S = 1 << 32  # NTP seconds begin again at zero on 2036-02-07
_MASK = (1 << 32) - 1


def ntp_from_unix_ns(unix_ns: int) -> int:
    """Nanoseconds since 1970 as NTP time; the conversion back gives the same nanosecond."""
    seconds, rest_ns = divmod(unix_ns, _NS)
    fraction = -(-(rest_ns << 32) // _NS)  # rounded up, as the way back rounds down
    return ((seconds + _UNIX_EPOCH_IN_NTP_S) & _MASK) << 32 | fraction


def unix_ns_from_ntp(ntp: int) -> int:
    """NTP time as nanoseconds since 1970, taken to lie between 1968 and 2104."""
    seconds, fraction = ntp >> 32, ntp & _MASK
    if seconds < _ERA_S // 2:
        seconds += _ERA_S
    return (seconds - _UNIX_EPOCH_IN_NTP_S) * _NS + (fraction * _NS >> 32)
