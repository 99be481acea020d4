"""`edge keys`: an authority to try out with, headquarters' certificate, and one per site."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

from edge.clock import Clock
from edge.errors import ConfigError
from edge.keys.authority import new_authority, server_certificate, site_certificate
from edge.keys.store import KeyFolder

AUTHORITY_DAYS: Final = 3650
SITE_DAYS: Final = 825
MOST_DAYS: Final = 7300
_SITE = re.compile(r"[a-z0-9-]{1,32}")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_RESERVED = re.compile(r"hq(-.*)?")
_REAL_AUTHORITY = """\
This authority is for trying out: its key lies in {folder}, without a password. With a real one in its place:
- each site's certificate has the site's id as its common name (CN), and "TLS client" as its use;
- headquarters' certificate has the names that sites dial as subjectAltName, and "TLS server" as its use;
- headquarters' cafile is the certificate of the authority that signs the sites, and of no other: whoever that authority
  signed for gets in, under the name that stands in the certificate.
"""


def make_authority(folder: Path, clock: Clock, out: TextIO, *, name: str, days: int = AUTHORITY_DAYS) -> int:
    """Make an authority in a folder that has none; raises ConfigError."""
    KeyFolder(folder).store_authority(new_authority(name, _now(clock), _checked_days(days)))
    out.write(f"made the authority {name}: {folder / 'ca.crt'}\n{_REAL_AUTHORITY.format(folder=folder)}")
    return 0


def make_server(
    folder: Path, hosts: Sequence[str], clock: Clock, out: TextIO, *, days: int = SITE_DAYS, renew: bool = False
) -> int:
    """Make the certificate of headquarters' broker, for every name and address that sites dial; raises ConfigError."""
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise ConfigError(f"{host!r} is not a host name or an IP address, without port or scheme")
    keys = KeyFolder(folder)
    authority = keys.authority()
    pair = server_certificate(authority, hosts, _now(clock), _checked_days(days))
    keys.store(folder / "hq", "hq", pair, authority, renew=renew)
    out.write(f"made headquarters' certificate for {', '.join(hosts)}: {folder / 'hq'}\n")
    out.write("next: edge hq-broker-config writes its broker's files; a running broker takes it at its next start\n")
    return 0


def make_sites(
    folder: Path, sites: Sequence[str], clock: Clock, out: TextIO, *, days: int = SITE_DAYS, renew: bool = False
) -> int:
    """Make a certificate for each of these sites; raises ConfigError before any is made."""
    keys = KeyFolder(folder)
    authority = keys.authority()
    for site in sites:
        _check_site(site)
        if (folder / "sites" / site).exists() and not renew:
            raise ConfigError(f"{folder / 'sites' / site} holds a certificate already; --renew puts a new one there")
    for site in sites:
        pair = site_certificate(authority, site, _now(clock), _checked_days(days))
        keys.store(folder / "sites" / site, "site", pair, authority, renew=renew)
        out.write(f"made the certificate of {site}: {folder / 'sites' / site}\n")
    out.write("next: bring each folder to its site, name its files in the section hq of edge.yaml,\n")
    out.write("      and write the broker's files there: edge bridge-config\n")
    return 0


def _check_site(site: str) -> None:
    if not _SITE.fullmatch(site):
        raise ConfigError(f"site {site!r} must match [a-z0-9-]{{1,32}}, as in edge.yaml")
    if _RESERVED.fullmatch(site):
        raise ConfigError(f"site {site!r}: names that are or begin with hq are headquarters' own; take another")


def _checked_days(days: int) -> int:
    if not 1 <= days <= MOST_DAYS:
        raise ConfigError(f"--days {days} must be from 1 to {MOST_DAYS}")
    return days


def _now(clock: Clock) -> datetime:
    return datetime.fromtimestamp(clock.wall_ns() // 1_000_000_000, UTC)
