"""The pages as a browser gets them: whole, safe, bounded, in two languages; over hand-made states of a site."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from litestar import Litestar, Request
from litestar.datastructures import State
from litestar.di import Provide
from litestar.testing import TestClient

from edge.clock import SystemClock
from edge.events.catalog import EVENTS
from edge.events.envelope import Envelope
from edge.journal.arrival import Entry
from edge.state.facts import Keeping, SiteFacts
from edge.state.views import (
    ChannelSetting,
    ChannelView,
    DiskView,
    ProcessView,
    ProtectionView,
    SegmentView,
    SiteView,
    Span,
    Totals,
    Trouble,
)
from edge.web import pages
from edge.web.accounts import Visitor
from edge.web.assets import Assets, static_file
from edge.web.door import Door
from edge.web.frame import Frame
from edge.web.happenings import happening
from edge.web.kept_pictures import KeptPictures
from edge.web.live import LiveSite
from edge.web.pictures import Pictures
from edge.web.problem import exception_handler
from edge.web.site import Site
from edge.web.site_journal import SiteJournal
from edge.words.catalog import ENGLISH
from edge.words.times import Times

NOW = int(datetime(2026, 11, 23, 7, 2, 31, tzinfo=UTC).timestamp() * 1000)
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
EVIL = "<script>alert(1)</script> & \"Tom's\" {name} {{ 7 * 7 }}"
STATUSES = ("recording", "picture_fault", "offline", "off", "unknown")
AYU = Visitor("ayu", "viewer")
BUDI = Visitor("budi", "admin")
REASONS = {"picture_fault": "black", "offline": "timeout"}


def channel(number, status="recording", name=None, **changes):
    known = status != "unknown"
    segment = SegmentView(f"cam{number}/2026-11-23/x.mp4", NOW - 90_000, NOW - 30_000, 30_214_144, 60.04)
    fields = dict.fromkeys(ChannelView.__slots__) | {
        "id": f"cam{number}", "name": name or f"Camera {number}", "status": status, "reason": REASONS.get(status),
        "since_ms": NOW - 12 * MINUTE if known else None, "last_segment": segment if known else None,
        "oldest_ms": NOW - 30 * DAY if known else None, "recorded_s": 86_300.0 if known else 0.0,
        "expected_s": 86_400.0 if known else 0.0, "lost_packets_24h": 12, "suspect_s_24h": 1.5, "dropped_s_24h": 0.0,
        "bitrate_bits_s": 4.1e6 if known else None, "camera_clock_offset_s": -75.0, "url": "rtsp://edge:***@10.0.0.11/main",
        "protected": (),
    }  # fmt: skip
    return ChannelView(**fields | changes)


def process(name, status="online"):
    fields = dict.fromkeys(ProcessView.__slots__) | {
        "name": name, "expected": True, "status": status, "since_ms": NOW - HOUR, "last_heard_ms": NOW - 4000, "metrics": {}
    }  # fmt: skip
    return ProcessView(**fields)


def disk(state="ok", **changes):
    fields = dict.fromkeys(DiskView.__slots__) | {
        "state": state, "mount": "/srv/saksi", "measured_ms": NOW - 42_000, "total_bytes": 4 * 10**12,
        "used_bytes": 34 * 10**11, "free_bytes": 6 * 10**11, "recordings_bytes": 31 * 10**11, "unknown_files": 3,
        "write_rate_bytes_s": 1.2e6, "hours_left": 225.6, "smart": "ok", "oldest_ms": {}, "short": (), "forecast_days": {},
    }  # fmt: skip
    return DiskView(**fields | changes)


def site(*channels, troubles=(), processes=None, its_disk=None, health="ok"):
    processes = processes or (process("recorder"), process("web"))
    count = {status: sum(one.status == status for one in channels) for status in STATUSES}
    totals = Totals(
        len(channels), count["recording"], count["picture_fault"], count["offline"], count["off"], count["unknown"]
    )
    return SiteView(health, NOW, tuple(troubles), channels, processes, its_disk or disk(), totals, NOW)


def trouble(one):
    params = {"name": one.name, "status": one.status, "detail": None}
    return Trouble("degraded", "channel", one.id, one.reason or "unheard", one.since_ms, params)


class Live(LiveSite):
    """A LiveSite that shows one view."""

    def __init__(self, view):
        settings = [ChannelSetting(one.id, one.name, one.status != "off") for one in view.channels]
        super().__init__(settings, (), segment_s=60, clock=SystemClock())
        self._view = view

    def view(self):
        return self._view

    def now_ms(self):
        return NOW

    def lacks(self, process, epoch, first, last):
        return first >= self.filled_below

    filled_below = 0

    def coverage(self, channel_id, from_ms, to_ms):
        middle, now = (from_ms + min(to_ms, NOW)) // 2, min(to_ms, NOW)
        spans = [Span("recorded", from_ms, middle), Span("gap", middle, middle + MINUTE, "timeout")]
        spans += [Span("recorded", middle + MINUTE, now, None, "black")]
        return [*spans, Span("future", now, to_ms)] if to_ms > now else spans


class Journal(SiteJournal):
    """A journal of a list; counts what is read."""

    def __init__(self, entries=()):
        self.found = list(entries)
        self.read = 0

    def entries(self, *, after=0, before=None, limit=500, newest_first=False, event_types=(), channels=()):
        kept = [
            one
            for one in self.found
            if after < one.position < (before or 2**63)
            and (not event_types or one.event_type in event_types)
            and (not channels or one.channel in channels)
        ]
        answer = (kept[::-1] if newest_first else kept)[:limit]
        self.read += len(answer)
        return answer


def entry(position, event_type="recording_stopped", subject="cam0", **changes):
    model = EVENTS[event_type]
    time_ms = NOW - (10_001 - position) * 37_000
    envelope = Envelope.build(
        model.read({**model.example, **changes}), site="jkt-001", process=model.publishers[0],
        epoch="01KAQFYK00N8TG6ZQ3V5M7W9XA", sequence=position, time=datetime.fromtimestamp(time_ms / 1000, UTC),
        subject=None if model.subject == "site" else subject,
    )  # fmt: skip
    return Entry(
        position=position, site="jkt-001", process=envelope.process, epoch=envelope.epoch, sequence=position,
        event_type=event_type, event_version=1, channel=envelope.subject, time_ms=time_ms, received_ms=time_ms,
        understood=True, payload=envelope.to_json(),
    )  # fmt: skip


class OpenDoor(Door):
    """A door that knows only whether there are users."""

    def __init__(self, *, has_users):
        self.accounts = SimpleNamespace(has_users=has_users)


class Whole(HTMLParser):
    """Holds a page against the rules of HTML that browsers forgive: every element closed, every id once."""

    VOID = frozenset({"meta", "link", "input", "img", "br"})

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.tags = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []
        assert len(self.ids) == len(set(self.ids))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        assert "style" not in attrs
        assert not [name for name in attrs if name.startswith("on")]
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def given(part):
    return Provide(lambda: part, sync_to_thread=False)


@pytest.fixture
def client_of(tmp_path):
    opened = []

    def make(view, journal=None, *, visitor=AYU, has_users=True):
        live, clock, assets = Live(view), SystemClock(), Assets()
        settings = tuple(ChannelSetting(one.id, "x", enabled=True) for one in view.channels)
        facts = SiteFacts("jkt-001", "Asia/Jakarta", settings, 60, (), Keeping(30, 90, 5 << 30))
        frame = Frame("jkt-001", facts.zone)
        parts = {
            "site": Site(facts, frame, live, clock, pictures=Pictures(tmp_path, clock), kept=KeptPictures(tmp_path)),
            "live": live, "journal": journal or Journal(), "frame": frame, "assets": assets,
            "door": OpenDoor(has_users=has_users),
        }  # fmt: skip

        def enter(request: Request) -> None:
            request.scope["user"] = visitor

        app = Litestar(
            [*pages.routes, *pages.login_routes, static_file],
            dependencies={name: given(part) for name, part in parts.items()},
            before_request=enter, logging_config=None, openapi_config=None,
            exception_handlers={Exception: exception_handler(pages.error_page)},
            state=State({"frame_of": lambda _: frame, "clock": clock, "assets": assets}),
        )  # fmt: skip
        client = TestClient(app)
        client.headers["accept"] = "text/html"
        opened.append(client)
        return client.__enter__()

    yield make
    for client in opened:
        client.__exit__(None, None, None)


ALL = [channel(number, status) for number, status in enumerate(STATUSES)]
TROUBLED = site(*ALL, troubles=[trouble(one) for one in ALL if one.status not in {"recording", "off"}], health="degraded")


@pytest.mark.parametrize("language", ["en", "id"])
@pytest.mark.parametrize("path", ["/", *(f"/channels/cam{number}" for number in range(5)), "/events", "/login"])
def test_page_is_whole_in_every_state_and_language(client_of, path, language):
    """Closed elements, unique ids, no Python in it."""
    journal = Journal([entry(number + 1, name) for number, name in enumerate(EVENTS)])
    answer = client_of(TROUBLED, journal).get(path, params={"lang": language, "type": "all"})
    assert answer.status_code == 200
    Whole(answer.text)
    assert f'<html lang="{language}">' in answer.text
    for ugly in ("None", "Undefined", "{{", "{%"):
        assert ugly not in re.sub(r"<pre.*?</pre>", "", answer.text, flags=re.DOTALL)


def test_names_from_outside_stay_text(client_of):
    """A channel called <script> is a channel, on every page and in every attribute."""
    view = site(channel(0, "offline", EVIL, detail=EVIL, server=EVIL), its_disk=disk(mount=EVIL), health="degraded",
                troubles=[trouble(channel(0, "offline", EVIL))], processes=(process(EVIL),))  # fmt: skip
    journal = Journal([entry(1, detail=EVIL)])
    client = client_of(view, journal)
    for path in ("/", "/channels/cam0", "/events"):
        text = client.get(path).text
        tags = [attrs for tag, attrs in Whole(text).tags if tag == "script"]
        assert [set(attrs) for attrs in tags] == [{"type", "src"}]
        assert "&lt;script&gt;alert(1)" in text
        assert "{{ 7 * 7 }}" in text


def test_query_stays_text_too(client_of):
    """What is asked for comes back escaped, or not at all."""
    client = client_of(TROUBLED)
    for path in ("/?lang=<script>", "/login?next=/%22%3E%3Cscript%3E&problem=%3Cscript%3E", "/?x=%22%3E%3Cscript%3E1"):
        text = client.get(path).text
        Whole(text)
        assert "<script>" not in text


def test_sentence_stands_on_top_of_every_page(client_of):
    """Whoever opens whatever page knows at once, and a screen reader is told of changes, not of passing minutes."""
    client = client_of(TROUBLED)
    for path in ("/", "/channels/cam0", "/events"):
        text = client.get(path).text
        sentence = re.search(r'<p class="sentence".*?</p>', text, re.DOTALL)[0]
        assert 'aria-live="polite"' in sentence
        assert '<span aria-live="off">12 min ago</span>' in sentence
        assert "1 of 4 channels are recording." in sentence


def test_states_are_words_and_shapes(client_of):
    """Never a colour alone."""
    text = client_of(TROUBLED).get("/").text
    for number, (status, word) in enumerate(
        zip(STATUSES, ("recording", "picture fault", "offline", "off", "unknown"), strict=True)
    ):
        tile = re.search(rf'<li class="tile {status}" id="tile-cam{number}">.*?</li>', text, re.DOTALL)[0]
        assert f'<svg class="mark {status}"' in tile
        assert f'<span class="state">{word}</span>' in tile


def test_ten_thousand_events_are_paged(client_of):
    """A page reads and shows a hundred; older and newer lead through all of them, none twice, none left out."""
    journal = Journal([entry(position) for position in range(1, 10_001)])
    client = client_of(TROUBLED, journal)
    seen, path = [], "/events"
    for _ in range(3):
        text = client.get(path).text
        rows = [int(found) for found in re.findall(r'<tr id="event-(\d+)">', text)]
        assert len(rows) == pages.ROWS
        seen += rows
        path = re.search(r'rel="next" href="([^"]+)"', text)[1].replace("&amp;", "&")
    assert seen == list(range(10_000, 9_700, -1))
    back = re.search(r'rel="prev" href="([^"]+)"', client.get(path).text)[1].replace("&amp;", "&")
    rows = [int(found) for found in re.findall(r'<tr id="event-(\d+)">', client.get(back).text)]
    assert rows == list(range(9_800, 9_700, -1))
    journal.read = 0
    assert len(client.get("/").content) < 100_000
    assert journal.read <= pages.NEWEST


@pytest.mark.parametrize(("position", "previous", "said"), [(1, 4711, True), (1, None, False), (2, 4711, False)])
def test_new_outbox_is_said_by_the_first_event_of_its_epoch(position, previous, said):
    """And not by every start after it, though each of them names the epoch before."""
    epoch = None if previous is None else "01KAQFYK00N8TG6ZQ3V5M7W9XA"
    started = entry(position, "process_started", previous_epoch=epoch, previous_last_sequence=previous)
    told = happening(started, {}, Times(ENGLISH, ZoneInfo("UTC"), NOW), lambda *_: False)
    assert ("with a new outbox: the one before ended at event 4711" in told.sentence) is said
    assert (told.shape == "picture_fault") is said


def test_routine_events_are_left_out_until_they_are_asked_for(client_of):
    """A segment a minute and channel would hide everything else."""
    journal = Journal([entry(1), *(entry(position, "segment_written") for position in range(2, 500))])
    client = client_of(TROUBLED, journal)
    assert 'id="event-1"' in client.get("/").text
    assert "segment written:" not in client.get("/events").text
    assert "segment written:" in client.get("/events?type=all").text
    assert "segment written:" in client.get("/events?type=segment_written&channel=cam0").text
    assert "There are no such events." in client.get("/events?type=clock_jumped").text


def test_events_that_were_missing_and_came_are_no_news(client_of):
    """What matters does not tell of them; everything does, without alarm. What is missing still is told."""
    times = {"how": "heartbeat", "source": "/jkt-001/recorder", "epoch": "01KAQFYK00N8TG6ZQ3V5M7W9XA"}
    filled = [entry(number, "events_missing", **times, **{"from": number, "to": number}) for number in range(2, 60)]
    again = [entry(number + 100, "events_recovered", **(times | {"how": "replay"})) for number in range(2, 60)]
    lost = entry(300, "events_missing", **(times | {"how": "hole", "from": 900, "to": 909}))
    client = client_of(TROUBLED, Journal([entry(1), *filled, *again, lost]))
    client.app.dependencies["live"].dependency().filled_below = 900
    for path in ("/", "/events"):
        text = client.get(path).text
        assert re.findall(r' id="event-(\d+)"', text) == ["300", "1"]
        assert "events 900 to 909 of /jkt-001/recorder are missing" in text
    text = client.get("/events?type=all").text
    assert "events 59 to 59 of /jkt-001/recorder are missing" in text
    assert text.count('<svg class="mark picture_fault"') == client.get("/events").text.count('<svg class="mark picture_fault"')


def test_site_that_has_just_started_says_so_calmly(client_of):
    """Nothing is wrong, and nothing is recorded yet."""
    text = client_of(site(channel(0, "unknown"), health="degraded")).get("/").text
    Whole(text)
    assert "Nothing is wrong, and 0 of 1 channels are recording so far." in text
    assert "<title>jkt-001: waiting</title>" in text


def test_protected_footage_is_shown_to_all_and_let_go_by_admins(client_of):
    """On the line of its day, and in a list with who wanted it and why."""
    kept = ProtectionView("01KAQG0W4M2D9C6T8R5Y7B3EHK", NOW - 3 * HOUR, NOW - 2 * HOUR, EVIL, "sari", NOW - HOUR)
    view = site(channel(0, protected=(kept,)))
    seen, changed = client_of(view).get("/channels/cam0").text, client_of(view, visitor=BUDI).get("/channels/cam0").text
    for text in (seen, changed):
        Whole(text)
        assert "Mon 23 Nov 2026, 11:02:31 to 12:02:31" in text
        assert 'class="kept"><title>Mon 23 Nov 2026, 11:02:31 to 12:02:31: protected by sari, &lt;script&gt;' in text
    assert 'method="post"' not in seen.replace('action="/logout"', "").replace('<form class="account" method="post"', "")
    assert 'action="/channels/cam0/protections/01KAQG0W4M2D9C6T8R5Y7B3EHK/end"' in changed
    assert 'action="/channels/cam0/protections"' in changed
    assert 'http-equiv="refresh"' in seen
    assert 'http-equiv="refresh"' not in changed  # what is typed would be gone
    other = client_of(view).get("/channels/cam0?day=2026-11-22").text
    assert '<svg class="kept"' not in other
    assert "Mon 23 Nov 2026, 11:02:31 to 12:02:31" in other


def test_entry_that_cannot_be_read_is_told_as_such(client_of):
    """A broken event breaks no page."""
    found = entry(1)
    broken = Entry(**{name: getattr(found, name) for name in Entry.__slots__} | {"payload": b'{"x": "<script>"}'})
    text = client_of(TROUBLED, Journal([broken])).get("/events").text
    Whole(text)
    assert "cannot be read" in text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/channels/nowhere", 404), ("/nothing", 404), ("/channels/cam0?day=yesterday", 400), ("/events?before=-1", 400),
        ("/events?before=99999999999999999999", 400), ("/events?type=A%20B", 400), ("/events?channel=../..", 400),
    ],
)  # fmt: skip
def test_what_is_not_there_is_said_with_what_to_do(client_of, path, status):
    """A page with a sentence, not a stack trace."""
    answer = client_of(TROUBLED).get(path)
    assert answer.status_code == status
    Whole(answer.text)
    assert 'href="/"' in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("day", ["2026-11-22", "2000-01-01", "2999-12-31", "0001-01-01", "9999-12-31"])
def test_any_day_is_a_day(client_of, day):
    """Days before the first and after today lead to days that there are."""
    answer = client_of(TROUBLED).get(f"/channels/cam0?day={day}")
    assert answer.status_code == 200
    Whole(answer.text)


def test_day_lists_what_lacks_and_why(client_of):
    """The line is for eyes, the list for everybody."""
    text = client_of(TROUBLED).get("/channels/cam0?day=2026-11-22").text
    assert '<tr class="gap"><td><time datetime="2026-11-22T05:00:00.000Z">12:00:00</time>' in text
    assert "gap, the camera stopped sending" in text
    assert "picture fault, black" in text
    assert 'href="/channels/cam0?day=2026-11-21"' in text


def test_language_is_kept(client_of):
    """Asked for once, in a cookie from then on."""
    client = client_of(TROUBLED)
    assert '<html lang="id">' in client.get("/", headers={"accept-language": "id-ID,en;q=0.5"}).text
    assert "saksi_language=id" in client.get("/?lang=id").headers["set-cookie"]
    assert '<html lang="id">' in client.get("/events").text
    assert "set-cookie" not in client.get("/events?lang=klingon").headers


def test_login_says_how_to_make_the_first_user(client_of):
    """Nobody has to look for it."""
    text = client_of(TROUBLED, visitor=None, has_users=False).get("/login?problem=wait&wait_s=90&next=/events").text
    Whole(text)
    assert "edge password" in text
    assert "Wait 90 s, then try again." in text
    assert 'name="next" value="/events"' in text
    assert 'name="username"' in text
    assert 'href="/events"' not in text


def test_login_leads_nowhere_else(client_of):
    """A link that logs in and leads away does not."""
    assert 'name="next" value="/"' in client_of(TROUBLED, visitor=None).get("/login?next=https://evil.example/").text


def test_many_troubles_do_not_bury_the_page(client_of):
    """A few stand there, the others are folded."""
    many = [channel(number, "offline", since_ms=NOW - number * HOUR) for number in range(1, 33)]
    text = client_of(site(*many, troubles=[trouble(one) for one in many], health="down")).get("/").text
    Whole(text)
    assert "<summary>27 more</summary>" in text


@pytest.mark.parametrize(
    "its_disk",
    [
        disk("unknown", measured_ms=None, total_bytes=None, used_bytes=None, mount=None),
        disk("full", free_bytes=0, used_bytes=4 * 10**12, write_rate_bytes_s=0.0, hours_left=None),
        disk("low", hours_left=3.5),
        disk("missing"),
        disk(total_bytes=0, used_bytes=0, free_bytes=0, recordings_bytes=0, hours_left=None),
        disk(recordings_bytes=5 * 10**12, free_bytes=None),
    ],
)
def test_disk_is_shown_in_every_state(client_of, its_disk):
    """Unmeasured, full, missing, or with figures that cannot be."""
    text = client_of(site(channel(0), its_disk=its_disk)).get("/").text
    Whole(text)
    assert 'id="disk"' in text


def test_static_files_are_served_under_their_digest(client_of):
    """The page names them as they are now."""
    client = client_of(TROUBLED)
    for path in re.findall(r'"(/static/[^"]+)"', client.get("/").text):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
