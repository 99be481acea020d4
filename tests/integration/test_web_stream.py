"""The live stream of events: resumed, filtered, shared by many, and stopped."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from web_site import RunningSite, recording, running_site, started, stopped

from edge.web import feed, server


@pytest.fixture
def site(tmp_path):
    """A site that has said a little."""
    with running_site(tmp_path) as site:
        site.say((started(), None), recording("cam0"), recording("cam1"), stopped("cam1"))
        yield site


class Listener:
    """A client of the stream."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.iter_lines()

    def message(self) -> dict[str, str]:
        """The next message with data."""
        fields: dict[str, str] = {}
        for line in self._lines:
            if not line and "data" in fields:
                return fields
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value
            elif not line:
                fields = {}
        raise EOFError

    def event(self) -> tuple[int, str]:
        """Position and type of the next event."""
        while (message := self.message())["event"] == "state":
            continue
        return int(message["id"]), message["event"]


@contextmanager
def listening(site: RunningSite, query: str = "", **headers: str) -> Iterator[Listener]:
    """Listen to the stream in the block."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    with site.client(headers=sent) as client, client.stream("GET", f"/api/events/stream{query}") as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        listener = Listener(response)
        listener.message()  # the state, with which it begins
        yield listener


def test_new_events_come_as_they_are_stored(site):
    """What is folded is at the client at once, as it stands in the journal."""
    with listening(site) as listener:
        (position,) = site.say(stopped("cam0"))
        message = listener.message()
        while message["event"] == "state":
            message = listener.message()
    (entry,) = site.app.site.journal.entries(limit=1, newest_first=True)
    assert (str(position), "recording_stopped") == (message["id"], message["event"])
    assert entry.payload == message["data"].encode()


def test_stream_goes_on_after_the_last_event_that_was_seen(site):
    """A client that comes back gets what it missed, once and in order, then what is new."""
    with listening(site, last_event_id="2") as listener:
        assert [listener.event(), listener.event()] == [(3, "recording_started"), (4, "recording_stopped")]
        site.say(recording("cam1"))
        assert listener.event() == (5, "recording_started")


def test_stream_of_some_events_holds_only_those(site):
    """Type and channel choose."""
    with listening(site, "?type=recording_stopped&channel=cam0&after=0") as listener:
        site.say(stopped("cam1"), recording("cam0"), stopped("cam0"))
        assert listener.event() == (7, "recording_stopped")


def test_position_of_another_journal_is_no_dead_end(site):
    """Who saw more than the journal holds, as it was begun anew, gets what is new."""
    with listening(site, last_event_id="999999") as listener:
        site.say(stopped("cam0"))
        assert listener.event() == (5, "recording_stopped")


def test_state_is_told_when_something_is_seen_differently(site):
    """A change of the state comes as a message with the health; a heartbeat without news does not."""
    site.beat_all()
    with listening(site) as listener:
        site.beat_all()
        site.say(stopped("cam0"))
        assert listener.event() == (5, "recording_stopped")
        message = listener.message()
    assert message["event"] == "state"
    assert {"version": site.live.version, "health": site.live.view().health} == json.loads(message["data"])


def test_everything_arrives_once_while_much_is_said(site):
    """Clients that come, go and come back during a flood get every position once."""
    stop = threading.Event()

    def flood() -> None:
        while not stop.is_set():
            site.say(*(100 * [stopped("cam0")]))
            time.sleep(0.005)

    writer = threading.Thread(target=flood)
    writer.start()
    seen, last = [], 0
    try:
        for _ in range(5):
            with listening(site, last_event_id=str(last)) as listener:
                for _ in range(700):
                    last = listener.event()[0]
                    seen.append(last)
    finally:
        stop.set()
        writer.join()
    assert list(range(1, len(seen) + 1)) == seen


def test_client_that_takes_nothing_costs_no_memory_and_holds_up_nobody(site, monkeypatch):
    """Beside a client that never reads, another gets every event, and the newest few are all that is kept."""
    monkeypatch.setattr(feed, "KEEP", 500)
    with socket.create_connection(("127.0.0.1", site.server.port)) as stuck:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.sendall(b"GET /api/events/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with listening(site) as listener:
            positions = []
            for _ in range(40):
                positions += site.say(*(100 * [stopped("cam0")]))
            assert positions == [listener.event()[0] for _ in positions]
    assert len(site.app.feed._newest) <= 1_000


def test_client_that_takes_nothing_is_given_up_by_the_kernel(tmp_path, monkeypatch):
    """A connection whose other side is stuck does not last for ever."""
    monkeypatch.setattr(server, "_STUCK_MS", 1_000)
    with running_site(tmp_path) as site, socket.create_connection(("127.0.0.1", site.server.port)) as stuck:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.sendall(b"GET /api/events/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        deadline = time.monotonic() + 60
        while site.app.feed.clients == 0:
            assert time.monotonic() < deadline
        while site.app.feed.clients:
            site.say(*(500 * [stopped("cam0")]))
            assert time.monotonic() < deadline


def test_more_clients_than_may_listen_are_refused(site, monkeypatch):
    """One too many is told so; when another goes there is room again."""
    monkeypatch.setattr(feed, "MOST_CLIENTS", 2)
    with listening(site), listening(site):
        with site.client() as client:
            answer = client.get("/api/events/stream")
        assert (answer.status_code, answer.json()["type"].endswith(":stream_full")) == (503, True)
    for _ in range(100):
        if not site.app.feed.clients:
            break
        time.sleep(0.02)
    with listening(site):
        pass


def test_server_stops_at_once_with_open_streams(tmp_path):
    """Streams without an end do not hold up the stop."""
    stream = ("GET", "/api/events/stream")
    with running_site(tmp_path) as site, site.client() as client, client.stream(*stream) as one, client.stream(*stream):
        site.server.stop(30)
        assert not site.server._thread.is_alive()
        assert "retry: 2000" in "".join(one.iter_text())
