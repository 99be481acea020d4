"""Probes all channels of a site, many at once, but no account twice that a camera has refused. Knows no network."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from edge.check.probe import ProbeResult
from edge.check.trouble import trouble
from edge.config import ChannelConfig

AT_ONCE: Final = 16

Probe = Callable[[ChannelConfig], Awaitable[ProbeResult]]
_Done = Callable[[ProbeResult], None]


async def survey(
    channels: Sequence[ChannelConfig], probe: Probe, *, at_once: int = AT_ONCE, done: _Done = lambda _: None
) -> tuple[ProbeResult, ...]:
    """The results of all channels in their order; `done` is told of each as it comes.

    Channels of one host and user take turns until the camera has let one in: cameras lock accounts after a few wrong
    tries. Once it has refused one, the others are not tried.
    """
    free = asyncio.Semaphore(at_once)

    async def one(channel: ChannelConfig) -> ProbeResult:
        async with free:
            result = await probe(channel)
        done(result)
        return result

    groups: dict[tuple[str, str], list[ChannelConfig]] = {}
    for channel in channels:
        groups.setdefault(_account(channel), []).append(channel)
    found = await asyncio.gather(*(_ask_account(group, one, done) for group in groups.values()))
    by_id = {result.channel: result for results in found for result in results}
    return tuple(by_id[channel.id] for channel in channels)


def _account(channel: ChannelConfig) -> tuple[str, str]:
    """Host and user; a channel without a user has no account that could be locked, and a key of its own."""
    url = channel.url
    return (url.host.lower(), url.username) if url.username is not None else (channel.id, "")


async def _ask_account(channels: Sequence[ChannelConfig], one: Probe, done: _Done) -> list[ProbeResult]:
    results: list[ProbeResult] = []
    for place, channel in enumerate(channels):
        result = await one(channel)
        results.append(result)
        rest = channels[place + 1 :]
        if result.trouble is not None and result.trouble.kind == "wrong_password":
            skipped = [_not_tried(other, channel) for other in rest]
            for untried in skipped:
                done(untried)
            return results + skipped
        if _is_harmless(result):
            return results + await asyncio.gather(*(one(other) for other in rest))
    return results


def _is_harmless(result: ProbeResult) -> bool:
    """Whether the account is known to be good, or the host does not even answer."""
    return result.opened or (result.trouble is not None and result.trouble.reason == "unreachable")


def _not_tried(channel: ChannelConfig, refused: ChannelConfig) -> ProbeResult:
    url = channel.url
    what = f"{url.host} refused user {url.username!r} for channel {refused.id}, so it was not asked again"
    return ProbeResult(channel.id, url.redacted, trouble("not_tried", what, "auth_failed"))
