"""Which cameras are asked, and in which order, so that no account is locked by a check."""

import asyncio

from edge.check.probe import ProbeResult
from edge.check.survey import survey
from edge.check.trouble import trouble
from edge.config import ChannelConfig


class Cameras:
    """Answers by channel id; keeps who was asked and how many at once."""

    def __init__(self, **kinds):
        self.kinds = kinds
        self.asked = []
        self.at_once = self.most_at_once = 0

    async def probe(self, channel):
        self.asked.append(channel.id)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self.at_once -= 1
        kind = self.kinds.get(channel.id)
        reasons = {"wrong_password": "auth_failed", "unreachable": "unreachable"}
        found = trouble(kind, "so it is", reasons.get(kind, "not_found")) if kind else None
        return ProbeResult(channel.id, str(channel.url), found, opened=kind is None)


def channels(**urls):
    return [ChannelConfig(id=name, url=url) for name, url in urls.items()]


def look(cameras, sites, **options):
    return asyncio.run(survey(sites, cameras.probe, **options))


NVR = {f"c{number}": f"rtsp://edge:s3cret@10.0.0.9/{number}" for number in range(5)}


def test_refused_account_is_tried_once():
    """One wrong password for five channels of a recorder is one try, and the others say why they were not asked."""
    cameras = Cameras(c0="wrong_password")
    results = look(cameras, channels(**NVR))
    assert cameras.asked == ["c0"]
    assert [result.trouble.kind for result in results] == ["wrong_password"] + ["not_tried"] * 4
    assert "10.0.0.9 refused user 'edge' for channel c0" in results[1].trouble.what
    assert "s3cret" not in repr(results)


def test_accepted_account_opens_the_way_for_all():
    """Once one was let in, the others go at once."""
    cameras = Cameras()
    look(cameras, channels(**NVR))
    assert cameras.most_at_once == 4


def test_turns_are_taken_until_the_account_is_known():
    """A path that is not there says nothing of the password: the next is asked alone too."""
    cameras = Cameras(c0="no_such_path", c1="no_such_path", c2="wrong_password")
    results = look(cameras, channels(**NVR))
    assert cameras.asked == ["c0", "c1", "c2"]
    assert cameras.most_at_once == 1
    assert [result.trouble.kind for result in results[3:]] == ["not_tried"] * 2


def test_dead_host_does_not_hold_up_its_channels():
    """Where nothing answers no account is at risk, and thirty-two time-outs in a row would take minutes."""
    cameras = Cameras(c0="unreachable")
    look(cameras, channels(**NVR))
    assert cameras.most_at_once == 4


def test_other_hosts_and_users_are_no_business_of_each_other():
    """Another host, another user, or no user at all are asked whatever happened to the first."""
    sites = channels(
        a="rtsp://edge:x@h/1", b="rtsp://edge:x@other/1", c="rtsp://admin:x@h/1", d="rtsp://h/1", e="rtsp://h/2"
    )
    cameras = Cameras(a="wrong_password", d="wrong_password")
    look(cameras, sites)
    assert sorted(cameras.asked) == list("abcde")


def test_results_keep_the_order_and_no_more_than_allowed_are_asked_at_once():
    """The order of the configuration, a bound on the load, and a word for each that is done."""
    sites = channels(**{f"k{number}": f"rtsp://10.0.1.{number}/" for number in range(1, 40)})
    cameras, done = Cameras(), []
    results = look(cameras, sites, at_once=7, done=done.append)
    assert [result.channel for result in results] == [site.id for site in sites]
    assert cameras.most_at_once == 7
    assert len(done) == 39
