"""Where an audit runs: at a site beside its files, or at headquarters; and the journal that it reads there."""

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from edge.config import Config, load, load_hq
from edge.errors import ConfigError
from edge.journal.opening import open_to_read
from edge.journal.scope import partition_of
from edge.journal.site_reader import SiteReader

_A_SITES: Final = re.compile(r"^(?:storage|channels)\s*:", re.MULTILINE)
"""Both are in every `edge.yaml`, and no `hq.yaml` has them."""
DEFAULTS: Final = (Path("edge.yaml"), Path("hq.yaml"))


@dataclass(frozen=True, slots=True)
class Place:
    """A journal opened to read, and what is known of the site besides: `config` is the site's own, None at HQ."""

    ledger: Literal["site", "hq"]
    site: str
    zone: ZoneInfo
    segment_s: int
    reader: SiteReader
    config: Config | None

    @classmethod
    def find(cls, path: Path | None, site: str | None) -> "Place":
        """Open the journal that a configuration names; raises ConfigError and the errors of a journal."""
        path = path or next((one for one in DEFAULTS if one.exists()), DEFAULTS[0])
        return _at_site(path, site) if _is_a_sites(path) else _at_hq(path, site)


def _is_a_sites(path: Path) -> bool:
    try:
        return _A_SITES.search(path.read_text(encoding="utf-8")) is not None
    except (OSError, ValueError):
        return True  # loading it says what is wrong


def _at_site(path: Path, site: str | None) -> "Place":
    config = load(path)
    if site not in {None, config.site}:
        raise ConfigError(
            f"--site {site} is not the site of {path}, that is {config.site}; audit {site} there or at HQ"
        )
    reader = SiteReader(open_to_read(f"sqlite:///{config.state_dir / 'journal.db'}"), config.site)
    return Place("site", config.site, config.zone, config.storage.segment_s, reader, config)


def _at_hq(path: Path, site: str | None) -> "Place":
    config = load_hq(path)
    if site is None:
        raise ConfigError(f"--site is missing: {path} is headquarters' configuration, say which site to audit")
    partition = partition_of(site, config.partition.of)
    reader = SiteReader(open_to_read(config.database_url(), partition), site)
    if not reader.tracks():
        reader.close()
        raise ConfigError(f"--site {site}: headquarters' journal holds no event of it; is the name right?")
    zone, segment_s = _reported(reader, config.zone)
    return Place("hq", site, zone, segment_s, reader, None)


def _reported(reader: SiteReader, zone: ZoneInfo) -> tuple[ZoneInfo, int]:
    """Zone and length of segments by the newest report of the site, where there is one."""
    payload = reader.newest_of("site_reported")
    data = {} if payload is None else json.loads(payload)["data"]
    with suppress(ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo(str(data.get("timezone", zone.key)))
    segment_s = data.get("segment_s")
    return zone, segment_s if isinstance(segment_s, int) else 60
