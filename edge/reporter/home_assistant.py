"""What Home Assistant is told so that a site appears in it by itself. Pure: settings in, topics and payloads out.

Home Assistant reads the configuration of an entity from `<prefix>/binary_sensor/<node>/<object>/config`, retained, and
says `online` on `<prefix>/status` when it starts. One device is the site; its entities are

| entity | on | from |
|---|---|---|
| a channel | it is recorded | `state/reporter/<channel>` |
| a channel's problem | it is not, or its picture is at fault | the same |
| the disk's problem | it is anything but well | a topic of our own below the prefix |
| a process | it lives | its heartbeat and Will, `state/<process>` |

Channels and disk are shown as unavailable while the reporter does not live: nobody says then how they are.
"""

from collections.abc import Iterable
from typing import Any, Final

from edge.events.payload import encode
from edge.events.topics import ChannelStateTopic, StateTopic
from edge.state.facts import SiteFacts
from edge.state.views import DiskView

BIRTH: Final = b"online"
_WELL: Final = ("ok", "unknown")


def birth_topic(prefix: str) -> str:
    """Where Home Assistant says that it has started."""
    return f"{prefix}/status"


def discovery(prefix: str, facts: SiteFacts, disk: DiskView, version: str) -> dict[str, bytes]:
    """The retained messages that make the site appear, and the state of its disk."""
    site = _Site(prefix, facts, version)
    of_disk = site.entity("disk", "Disk", _disk_topic(site), device_class="problem")
    messages = {topic: encode(document) for topic, document in (*_channels(site), *_processes(site), of_disk)}
    return messages | {_disk_topic(site): b"OFF" if disk.state in _WELL else b"ON"}


class _Site:
    """What all entities of a site share."""

    def __init__(self, prefix: str, facts: SiteFacts, version: str) -> None:
        self.prefix = prefix
        self.facts = facts
        self.node = f"saksi_{facts.site}"
        self._device = {
            "identifiers": [self.node],
            "name": f"Saksi {facts.site}",
            "manufacturer": "Saksi",
            "model": "CCTV site",
            "sw_version": version,
        }
        self._origin = {"name": "Saksi", "sw_version": version}

    def entity(
        self, name: str, shown: str, state_topic: str, *, device_class: str, needs_reporter: bool = True, **more: Any
    ) -> tuple[str, dict[str, Any]]:
        """Configuration topic and document of one binary sensor."""
        document: dict[str, Any] = {
            "name": shown,
            "unique_id": f"{self.node}_{name}",
            "state_topic": state_topic,
            "device_class": device_class,
            "qos": 1,
            **more,
            "device": self._device,
            "origin": self._origin,
        }
        if needs_reporter:
            document["availability"] = [
                {"topic": str(StateTopic("reporter")), "value_template": "{{ value_json.status }}"}
            ]
        return f"{self.prefix}/binary_sensor/{self.node}/{name}/config", document


def _channels(site: _Site) -> Iterable[tuple[str, dict[str, Any]]]:
    for channel in site.facts.channels:
        topic = str(ChannelStateTopic(channel.id))
        yield site.entity(
            f"channel_{channel.id}",
            channel.name,
            topic,
            device_class="running",
            value_template="{{ 'ON' if value_json.recording else 'OFF' }}",
            json_attributes_topic=topic,
        )
        yield site.entity(
            f"problem_{channel.id}",
            f"{channel.name} problem",
            topic,
            device_class="problem",
            value_template="{{ 'ON' if value_json.status in ('offline', 'picture_fault') else 'OFF' }}",
            json_attributes_topic=topic,
        )


def _processes(site: _Site) -> Iterable[tuple[str, dict[str, Any]]]:
    for process in site.facts.expected_processes:
        yield site.entity(
            f"process_{process}",
            f"Process {process}",
            str(StateTopic(process)),
            device_class="connectivity",
            needs_reporter=False,
            value_template="{{ value_json.status }}",
            payload_on="online",
            payload_off="offline",
            entity_category="diagnostic",
        )


def _disk_topic(site: _Site) -> str:
    return f"{site.prefix}/binary_sensor/{site.node}/disk/state"
