"""A recorder and its broker, which goes away, is killed, comes late, and whose subscribers ask for what they missed."""

import json
import os
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing

import pytest
from acceptance_support import Consumer, Reel, assert_told_one_to_one, until
from demo_cameras import running_cameras
from recording_site import RecordingSite, recording_site

from edge.demo.clips import ClipSpec
from edge.demo.main import CameraSpec

CLIP = ClipSpec("broker", width=160, height=96, fps=15, seconds=4, bitrate=100_000)
NAMES = ["lobby", "gate"]


@pytest.fixture
def cameras():
    with running_cameras([CameraSpec(name, CLIP) for name in NAMES]) as cameras:
        yield cameras


def stored(site: RecordingSite) -> dict[int, bytes]:
    return {event.sequence: event.payload for event in site.events()}


def epoch_of(site: RecordingSite) -> str:
    return json.loads(site.events("process_started")[0].payload)["epoch"]


def caught_up(consumer: Consumer, site: RecordingSite) -> Callable[[], bool]:
    return lambda: consumer.seen() >= stored(site).keys()


@pytest.mark.parametrize(
    "away_s",
    [
        4.0,
        pytest.param(
            30.0,
            marks=pytest.mark.skipif("SAKSI_SLOW" not in os.environ, reason="takes a minute: SAKSI_SLOW=1 runs it"),
        ),
    ],
)
def test_a_broker_killed_and_back_costs_no_event_and_no_picture(away_s, cameras, mosquitto, tmp_path):
    """Killed with -9 while two channels record: every event arrives in order, what the broker lost after a replay."""
    with (
        Consumer(mosquitto.port) as consumer,
        recording_site(cameras.urls, tmp_path / "site", segment_s=1, broker_port=mosquitto.port) as site,
    ):
        site.wait_for("segment_written", count=3)
        until(lambda: len(consumer.seen()) >= 3)
        mosquitto.save()  # the subscriber's session outlives the broker, as its autosave does for one of half a minute
        mosquitto.kill()
        until(lambda: "broker_away" in site.log())
        before = max(stored(site))
        time.sleep(away_s)
        until(lambda: max(stored(site)) - before >= 2 * (int(away_s) - 1))  # recording goes on while the broker is away
        held = max(stored(site)) - before
        mosquitto.start()
        back_s = time.monotonic()
        until(lambda: max(consumer.seen()) > before + held, 40, site.log)
        back_s = time.monotonic() - back_s
        assert site.stop() == 0
        rows = stored(site)
        assert list(rows) == list(range(1, len(rows) + 1))
        until(lambda: max(consumer.seen()) == max(rows))
        assert consumer.first_seen == sorted(consumer.first_seen)
        missing = sorted(rows.keys() - consumer.seen())
        if missing:
            site.start()
            site.wait_for("process_started", count=2)
            assert consumer.ask_again(epoch_of(site), missing[0], missing[-1])["status"] == "done"
            assert site.stop() == 0
        until(caught_up(consumer, site))
        rows = stored(site)
        assert all(consumer.payloads[sequence] == {payload} for sequence, payload in rows.items())
        assert_told_one_to_one(site, NAMES)
    print(
        f"away {away_s} s: {len(rows)} events, {held} held back, {len(missing)} lost by the broker, back in {back_s:.1f} s"
    )


def test_a_broker_that_is_down_at_the_start_gets_everything_when_it_comes(cameras, stopped_mosquitto, tmp_path):
    """Recording does not wait for the broker; what happened before it came is published first, in order."""
    with recording_site(cameras.urls, tmp_path / "site", segment_s=1, broker_port=stopped_mosquitto.port) as site:
        site.wait_for("segment_written", count=4)
        before = max(stored(site))
        stopped_mosquitto.start()
        with Consumer(stopped_mosquitto.port) as consumer:
            until(lambda: consumer.seen() and max(consumer.seen()) > before, 40, site.log)
            first, last = min(consumer.seen()), max(consumer.seen())
            assert consumer.first_seen == list(range(first, last + 1))
            if first > 1:  # the recorder was there before the subscriber
                assert consumer.ask_again(epoch_of(site), 1, first - 1)["status"] == "done"
            until(caught_up(consumer, site))
            assert site.stop() == 0
            until(caught_up(consumer, site))
            rows = stored(site)
            assert all(consumer.payloads[sequence] == {payload} for sequence, payload in rows.items())
            for name in NAMES:
                reel = Reel(CLIP)
                assert reel.breaks(reel.places_of(site.announced(name))) == []


def test_a_replay_gives_the_same_bytes_again_and_says_what_is_gone(cameras, mosquitto, tmp_path):
    """The bytes of a replayed range are those of the first time; of a range that is not kept any more it says gone."""
    with (
        Consumer(mosquitto.port) as consumer,
        recording_site(cameras.urls, tmp_path / "site", segment_s=1, broker_port=mosquitto.port) as site,
    ):
        site.wait_for("segment_written", count=4)
        until(caught_up(consumer, site))
        first_time = {sequence: set(payloads) for sequence, payloads in consumer.payloads.items()}
        before = consumer.deliveries
        reply = consumer.ask_again(epoch_of(site), 2, 6)
        assert reply == {"transaction": "test-1", "status": "done", "available_from": 1}
        assert consumer.deliveries >= before + 5
        assert all(consumer.payloads[sequence] == payloads for sequence, payloads in first_time.items())
        later = consumer.ask_again(epoch_of(site), 5, 100_000, "test-later")
        assert later["status"] == "partial"
        other = consumer.ask_again("01ARZ3NDEKTSV4RRFFQ69G5FAV", 1, 5, "test-other-epoch")
        assert (other["status"], other["available_from"]) == ("gone", 6)
        assert site.stop() == 0
        with closing(sqlite3.connect(site.state_dir / "recorder.outbox")) as db:  # as after seven days, acknowledged
            db.execute("DELETE FROM events WHERE sequence <= 4")
            db.commit()
        site.start()
        until(lambda: "broker_connected" in site.log().rpartition('"started"')[2])
        gone = consumer.ask_again(epoch_of_any(site), 1, 3, "test-gone")
        assert (gone["status"], gone["available_from"]) == ("gone", 5)
        before = consumer.deliveries
        partly = consumer.ask_again(epoch_of_any(site), 2, 6, "test-partly")
        assert (partly["status"], partly["available_from"]) == ("partial", 5)
        assert consumer.deliveries >= before + 2


def epoch_of_any(site: RecordingSite) -> str:
    return json.loads(site.events()[0].payload)["epoch"]


def test_mosquitto_sub_shows_each_event_as_one_line_of_readable_json(cameras, mosquitto, tmp_path):
    """What a technician types shows topic and JSON, a line an event."""
    command = ["mosquitto_sub", "-p", str(mosquitto.port), "-v", "-t", "event/#"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watch,
        recording_site(cameras.urls, tmp_path / "site", segment_s=1, broker_port=mosquitto.port) as site,
    ):
        try:
            lines = [watch.stdout.readline() for _ in range(8)]
            assert site.stop() == 0
        finally:
            watch.terminate()
        for line in lines:
            topic, _, text = line.partition(" ")
            event = json.loads(text)
            assert topic == f"event/recorder/{event['type'].split('.')[1]}/{event.get('subject', '_')}"
            assert text == json.dumps(event, separators=(",", ":"), ensure_ascii=False) + "\n"
        kinds = {line.split("/")[2] for line in lines}
        assert {"process_started", "recording_started", "segment_written"} <= kinds
