"""How long somebody who guesses passwords has to wait. Pure: told of failures, asked for waits."""

from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final

from edge.retry import delay_s

_FREE: Final = 3
_MOST_WAIT_S: Final = {"address": 300.0, "name": 30.0}
_FORGET_S: Final = 900.0
_MOST_KEYS: Final = 4096
_Key = tuple[str, str]


@dataclass(slots=True)
class _Failures:
    count: int
    last_ns: int


class Attempts:
    """Failures by address and by name.

    A name waits less than an address, so that nobody is kept out for long by a stranger's guesses, and not at all
    where it has logged in from this address before.
    """

    def __init__(self) -> None:
        self._failures: OrderedDict[_Key, _Failures] = OrderedDict()
        self._homes: OrderedDict[tuple[str, str], None] = OrderedDict()

    def wait_s(self, address: str, name: str, now_ns: int) -> float:
        """Seconds until the next try is looked at, 0 for now."""
        by_address, by_name = _keys(address, name)
        wait_s = self._key_wait_s(by_address, now_ns)
        at_home = (by_address[1], name) in self._homes
        return wait_s if at_home else max(wait_s, self._key_wait_s(by_name, now_ns))

    def failed(self, address: str, name: str, now_ns: int) -> None:
        """Count a try before it is looked at; `succeeded` takes it back."""
        for key in _keys(address, name):
            known = self._failures.pop(key, None)
            if known is None or now_ns - known.last_ns > _FORGET_S * 1e9:
                known = _Failures(0, now_ns)
            self._failures[key] = _Failures(known.count + 1, now_ns)
        while len(self._failures) > _MOST_KEYS:
            self._failures.popitem(last=False)

    def succeeded(self, address: str, name: str) -> None:
        """Forget the failures of who is known now."""
        keys = _keys(address, name)
        for key in keys:
            self._failures.pop(key, None)
        self._homes[keys[0][1], name] = None
        while len(self._homes) > _MOST_KEYS:
            self._homes.popitem(last=False)

    def _key_wait_s(self, key: _Key, now_ns: int) -> float:
        known = self._failures.get(key)
        if known is None or known.count < _FREE:
            return 0.0
        most_s = _MOST_WAIT_S[key[0]]
        wait_s = delay_s(known.count - _FREE, first_s=1.0, most_s=most_s, jitter=0.0, random=float)
        return max(0.0, wait_s - (now_ns - known.last_ns) / 1e9)


def _keys(address: str, name: str) -> tuple[_Key, _Key]:
    return ("address", _network(address)), ("name", name)


def _network(address: str) -> str:
    """An IPv6 host may use any address of its /64."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(parsed) if not isinstance(parsed, IPv6Address) else parsed.exploded[:19]
