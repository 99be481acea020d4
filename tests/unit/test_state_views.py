"""What is seen of channels, processes, disk and site at a moment, case by case."""

import pytest
from state_story import EPOCHS, Teller, at_ms, beat, folded, name, text, will
from test_state_fold import EVENTS

from edge.events.catalog import (
    DiskLow,
    EventsConflicting,
    EventsMissing,
    EventsRecovered,
    FootageProtected,
    FootageUnprotected,
    LivestreamLost,
    LivestreamReady,
    OutboxTruncated,
    RetentionRestored,
    RetentionShort,
    SegmentsVerified,
)
from edge.state import ChannelSetting, HarmedView, SiteProjection, VideoView, channel_view, site_view

LOBBY = ChannelSetting("lobby", "Lobby", True)
GATE = ChannelSetting("gate", "Gate", True)
DAY = 86_400


def recorder_with(start=0, end=600, *more):
    """A recorder that has recorded the lobby, and other channels, for a while."""
    recorder = Teller()
    recorder.up(start - 1)
    for channel in ("lobby", *more):
        recorder.started(start + 0.6, channel)
        recorder.segments(start, end, channel)
    return recorder


def lobby(state, now, setting=LOBBY):
    """The lobby at a moment."""
    return channel_view(state, setting, at_ms(now), segment_s=60)


def site(state, now, settings=(LOBBY,), expected=("recorder",)):
    """The site at a moment."""
    return site_view(state, settings, expected, at_ms(now), segment_s=60)


def heard(state, at, process="recorder", **more):
    """The state after a heartbeat."""
    state.hear(process, beat(at, **more), at_ms(at))
    return state


def short(view):
    """Status, reason and since in seconds."""
    return view.status, view.reason, None if view.since_ms is None else (view.since_ms - at_ms(0)) / 1000


def codes(view):
    """Troubles in a short form."""
    return [(trouble.severity, trouble.about, trouble.subject, trouble.code) for trouble in view.troubles]


# Channels


def test_channel_that_records_is_recording_since_it_started():
    """The plain case, with its facts."""
    view = lobby(heard(folded(recorder_with()), 620), 620)
    assert short(view) == ("recording", None, 0.6)
    assert view.video == VideoView("h264", 1920, 1080, 25.0, "avc1.64001F")
    assert (view.audio, view.url, view.server) == (None, "rtsp://h/main", "Rtsp/2.0")
    assert view.camera_clock_offset_s == -1.25
    assert view.bitrate_bits_s == 4_000_000
    assert (view.last_segment.start_ms, view.last_segment.end_ms) == (at_ms(540), at_ms(600))
    assert view.last_segment.path == "lobby/2026-11-23/lobby_20261123T000900000Z.mp4"
    assert view.oldest_ms == at_ms(0)
    assert (view.recorded_s, view.expected_s) == (620, 620)


def test_channel_whose_start_was_lost_is_recording_by_its_segments():
    """A segment that goes on is a recording, whatever is missing before."""
    recorder = Teller()
    recorder.stopped(10)
    recorder.segments(60, 600)
    assert short(lobby(heard(folded(recorder), 620), 620)) == ("recording", None, 540)


def test_channel_that_stopped_is_offline_since_its_last_footage_with_the_newest_reason():
    """Reasons may change while it is away."""
    recorder = recorder_with()
    recorder.stopped(605, "timeout")
    recorder.stopped(615, "unreachable")
    view = lobby(heard(folded(recorder), 700), 700)
    assert short(view) == ("offline", "unreachable", 600)
    assert view.detail == "it is unreachable"
    assert (view.recorded_s, view.expected_s) == (600, 700)


def test_channel_that_never_recorded_is_offline_since_its_first_word():
    """There is no footage that could say since when."""
    recorder = Teller()
    recorder.up(0)
    recorder.stopped(3, "timeout")
    recorder.stopped(30, "auth_failed")
    assert short(lobby(heard(folded(recorder), 60), 60)) == ("offline", "auth_failed", 3)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (810, ("recording", None, 0.6)),
        (811, ("offline", "stalled", 600)),
    ],
)
def test_channel_without_segments_stalls_after_three_of_them_and_half_a_minute(now, expected):
    """The recorder beats, but its channel says nothing."""
    assert short(lobby(heard(folded(recorder_with()), now), now)) == expected


def test_channel_of_a_recorder_that_is_gone_is_offline_since_then():
    """By its Will, at once."""
    state = heard(folded(recorder_with()), 620)
    state.hear("recorder", will(), at_ms(622))
    assert short(lobby(state, 623)) == ("offline", "recorder_down", 622)


@pytest.mark.parametrize(("now", "status"), [(645, "recording"), (660, "recording"), (680.5, "offline")])
def test_channel_of_a_silent_recorder_is_offline_when_that_is_certain(now, status):
    """A late recorder still records."""
    view = lobby(heard(folded(recorder_with()), 620), now)
    assert view.status == status


@pytest.mark.parametrize(("now", "reason"), [(642, "recorder_down"), (701, "stalled")])
def test_channel_after_a_restart_is_offline_until_it_is_heard_again(now, reason):
    """What the killed life said does not hold any more."""
    recorder = recorder_with()
    recorder.up(640, bdseq=2)
    state = heard(folded(recorder), now, bdseq=2, started=640)
    assert short(lobby(state, now)) == ("offline", reason, 600)
    recorder.started(now)
    assert lobby(heard(folded(recorder), now, bdseq=2), now).status == "recording"


def test_recovered_segment_does_not_make_a_channel_recording():
    """It is of the life before."""
    recorder = recorder_with()
    recorder.up(640, bdseq=2)
    recorder.segment(600, 630, reason="recovered", at=641)
    assert short(lobby(heard(folded(recorder), 642, bdseq=2), 642)) == ("offline", "recorder_down", 630)


def test_channel_never_heard_of_is_unknown_until_the_recorder_had_a_minute():
    """After that it is not recorded."""
    recorder = Teller()
    recorder.up(0)
    state = heard(folded(recorder), 50)
    assert short(lobby(state, 59)) == ("unknown", None, None)
    assert short(lobby(heard(state, 60), 60)) == ("offline", "not_yet", 0)
    assert short(lobby(SiteProjection(), 60)) == ("unknown", None, None)
    assert short(lobby(heard(state, 60), 300)) == ("offline", "recorder_down", 60)


def test_channel_that_is_disabled_is_off_whatever_was_said():
    """Settings are not events."""
    state = heard(folded(recorder_with()), 620)
    view = lobby(state, 620, ChannelSetting("lobby", "Lobby", False))
    assert short(view) == ("off", None, None)
    assert view.last_segment is not None


def test_channel_with_a_bad_picture_is_a_picture_fault_while_it_records():
    """Offline comes first: no picture is worse than a bad one."""
    recorder, validator = recorder_with(), Teller("validator")
    validator.invalid(560, since=530, reason="frozen")
    state = heard(folded(recorder, validator), 620)
    assert short(lobby(state, 620)) == ("picture_fault", "frozen", 530)
    state.apply(recorder.stopped(621, "ended"))
    assert short(lobby(state, 622)) == ("offline", "ended", 600)
    state.apply(recorder.started(623))
    state.apply(validator.valid(624))
    assert short(lobby(state, 625)) == ("recording", None, 623)


def test_losses_of_the_last_day_are_counted_once():
    """A segment that is told twice lost its packets once."""
    recorder = recorder_with(0, 60)
    lossy = recorder.segment(DAY, DAY + 60, lost_packets=7, suspect_s=1.25, dropped_fragments=2, dropped_s=0.5)
    recorder.segment(DAY + 60, DAY + 120, lost_packets=1)
    state = folded(recorder)
    state.apply(lossy)
    view = lobby(heard(state, DAY + 120), DAY + 120)
    assert (view.lost_packets_24h, view.suspect_s_24h, view.dropped_s_24h) == (8, 1.25, 0.5)
    later = lobby(heard(state, 2 * DAY + 30), 2 * DAY + 30)
    assert (later.lost_packets_24h, later.suspect_s_24h, later.dropped_s_24h) == (1, 0, 0)


def test_backlog_comes_from_the_heartbeat_and_bad_metrics_are_nothing():
    """Metrics are whatever a process wants to show."""
    state = heard(folded(recorder_with()), 620, metrics={"channels": {"lobby": {"backlog_bytes": 4096}}})
    assert lobby(state, 620).backlog_bytes == 4096
    for number, metrics in enumerate([{"channels": []}, {"channels": {"lobby": 1}}, {"channels": {"lobby": {}}}]):
        assert lobby(heard(state, 621 + number, metrics=metrics), 630).backlog_bytes is None


def test_livestream_is_where_it_was_said_last():
    """Ready or lost."""
    livestream = Teller("livestream")
    ready = livestream.say(LivestreamReady(rtsp="rtsp://h/l", webrtc="/w", hls=None), 10, "lobby")
    state = folded(recorder_with(), livestream)
    assert (lobby(state, 600).livestream.ready, lobby(state, 600).livestream.rtsp) == (True, "rtsp://h/l")
    state.apply(livestream.say(LivestreamLost(reason="gateway", detail="it ended"), 20, "lobby"))
    state.apply(ready)
    view = lobby(state, 600).livestream
    assert (view.ready, view.reason, view.since_ms) == (False, "gateway", at_ms(20))


# Processes


def one(state, now, process="recorder"):
    """A process at a moment."""
    return next(view for view in site(state, now).processes if view.name == process)


@pytest.mark.parametrize(
    ("quiet_s", "status"), [(0, "online"), (25, "online"), (25.001, "late"), (60, "late"), (60.001, "offline")]
)
def test_process_that_falls_silent_is_late_and_then_offline(quiet_s, status):
    """By the time since it was last heard."""
    assert one(heard(SiteProjection(), 100, started=5), 100 + quiet_s).status == status


def test_process_says_what_it_is():
    """Facts of the heartbeat and of its start."""
    recorder = recorder_with()
    view = one(heard(folded(recorder), 620, bdseq=3, last_sequence=99, started=2), 621)
    assert (view.status, view.since_ms) == ("online", at_ms(2))
    assert (view.version, view.host, view.epoch, view.bdseq, view.pid) == ("0.1.0", "nvr", EPOCHS[0], 3, 4711)
    assert (view.last_sequence, view.last_heard_ms, view.started_ms) == (99, at_ms(620), at_ms(2))


def test_process_never_heard_of_is_unknown():
    """Expected and missing."""
    view = one(SiteProjection(), 0)
    assert (view.expected, view.status, view.since_ms, view.last_heard_ms) == (True, "unknown", None, None)


def test_process_is_heard_by_its_events_too():
    """After a start of web, before the first heartbeat comes."""
    state = folded(recorder_with())
    assert one(state, 610).status == "online"
    assert one(state, 630).status == "late"
    assert short_process(state, 700) == ("offline", 600)


def test_event_from_far_in_the_future_is_no_sign_of_life():
    """A clock was wrong once."""
    recorder = Teller()
    recorder.started(100 * DAY)
    assert one(folded(recorder), 600).status == "unknown"


def test_will_is_offline_at_once_and_an_old_one_is_not():
    """A Will of an earlier connection comes late."""
    state = heard(SiteProjection(), 100, bdseq=5)
    state.hear("recorder", will(4), at_ms(101))
    assert one(state, 102).status == "online"
    state.hear("recorder", will(5), at_ms(103))
    assert short_process(state, 104) == ("offline", 103)
    state.hear("recorder", beat(100, bdseq=5), at_ms(105))  # the broker delivers it again
    assert short_process(state, 106) == ("offline", 103)
    heard(state, 107, bdseq=6)
    assert one(state, 108).status == "online"


def short_process(state, now):
    """Status and since in seconds."""
    view = one(state, now)
    return view.status, (view.since_ms - at_ms(0)) / 1000


def test_will_that_the_broker_kept_is_as_old_as_the_last_word():
    """Web was down when the process died; the Will has no time of its own."""
    state = folded(recorder_with())
    state.hear("recorder", will(), at_ms(9000))
    assert short_process(state, 9001) == ("offline", 600)


def test_will_of_an_earlier_epoch_is_old_whatever_its_number():
    """An outbox that was deleted counts its connections anew."""
    state = heard(SiteProjection(), 100, bdseq=1, epoch=EPOCHS[2])
    state.hear("recorder", will(900, EPOCHS[0]), at_ms(101))
    assert one(state, 102).status == "online"


def test_process_whose_numbers_were_lost_to_a_full_disk_is_heard_by_the_time_of_its_beat():
    """Connections are counted in the outbox, which a full disk does not let grow."""
    state = heard(SiteProjection(), 100, bdseq=5)
    state.hear("recorder", will(5), at_ms(101))
    heard(state, 110, bdseq=5)
    assert one(state, 111).status == "online"
    heard(state, 120, bdseq=4)
    assert one(state, 121).bdseq == 4


def test_clock_that_stepped_back_does_not_silence_a_process():
    """Beats go on, with earlier times."""
    state = heard(SiteProjection(), 4000, bdseq=5)
    state.hear("recorder", beat(400, bdseq=5), at_ms(4010))
    assert one(state, 4030).status == "online"


def test_process_that_said_goodbye_is_offline_since_then_with_its_words():
    """Clean or failed."""
    recorder = recorder_with()
    recorder.down(610, "failed", "OSError: no")
    state = heard(folded(recorder), 609)
    view = one(state, 615)
    assert (view.status, view.since_ms, view.stopped, view.detail) == ("offline", at_ms(610), "failed", "OSError: no")
    state.hear("recorder", will(), at_ms(611))
    assert one(state, 615).since_ms == at_ms(610)
    state.apply(recorder.up(620, bdseq=2))
    heard(state, 620, bdseq=2, started=620)
    assert (one(state, 621).status, one(state, 621).stopped) == ("online", None)


def test_processes_that_are_expected_come_first_in_their_order():
    """Others that were heard are shown behind them."""
    state = heard(heard(SiteProjection(), 1, "validator"), 1, "hq")
    names = [(view.name, view.expected) for view in site(state, 2, expected=("web", "recorder")).processes]
    assert names == [("web", True), ("recorder", True), ("hq", False), ("validator", False)]


# Disk


def retention_with(*kinds):
    """Retention that has said these, ten seconds apart."""
    retention = Teller("retention")
    for place, kind in enumerate(kinds):
        retention.say(EVENTS[kind](place * 10), place * 10)
    return retention


def test_disk_nobody_measured_is_unknown():
    """No figures."""
    view = site(SiteProjection(), 0).disk
    assert (view.state, view.since_ms, view.total_bytes, view.oldest_ms, view.short) == ("unknown", None, None, {}, ())


def test_disk_that_was_measured_shows_its_figures():
    """By the newest measure."""
    view = site(folded(retention_with("measured")), 60).disk
    assert (view.state, view.mount, view.device, view.smart) == ("ok", "/srv", "/dev/sdb1", "ok")
    assert (view.total_bytes, view.used_bytes, view.free_bytes, view.recordings_bytes) == (100, 99, 1, 90)
    assert (view.hours_left, view.measured_ms, view.oldest_ms) == (2.0, at_ms(0), {"lobby": at_ms(-DAY)})


@pytest.mark.parametrize("kind", ["full", "missing"])
def test_disk_trouble_holds_until_it_is_over(kind):
    """Measures between do not end it."""
    view = site(folded(retention_with(kind, "measured")), 60)
    assert (view.disk.state, view.disk.since_ms, view.health) == (kind, at_ms(0), "down")
    assert ("down", "disk", "/srv", kind) in codes(view)
    assert site(folded(retention_with(kind, "recovered")), 60).disk.state == "ok"


def test_disk_that_is_low_degrades():
    """There is space still."""
    retention = Teller("retention")
    low = DiskLow(mount="/srv", total_bytes=100, free_bytes=5, used_percent=95.0, hours_left=3.5)
    retention.say(low, 0)
    view = site(heard(folded(recorder_with(), retention), 600), 600)
    assert (view.health, codes(view)) == ("degraded", [("degraded", "disk", "/srv", "low")])


@pytest.mark.parametrize(("reason", "expected"), [("disk_full", "full"), ("storage_missing", "missing")])
def test_disk_that_stops_the_recorder_is_in_trouble_whatever_retention_measured(reason, expected):
    """Who writes knows first."""
    recorder = recorder_with()
    recorder.stopped(605, reason)
    view = site(heard(folded(recorder, retention_with("measured")), 610), 610)
    assert (view.disk.state, view.disk.since_ms, view.disk.detail) == (expected, at_ms(600), f"it is {reason}")
    assert codes(view)[0] == ("down", "disk", "/srv", expected)


def test_faulty_disk_is_worse_when_nothing_records():
    """Reading may fail while writing still works."""
    retention = retention_with("faulty")
    state = heard(folded(recorder_with(), retention), 620)
    view = site(state, 620)
    assert (view.disk.state, view.disk.detail, view.health) == ("faulty", "it is read-only", "degraded")
    assert codes(view) == [("degraded", "disk", "/srv", "faulty")]
    view = site(heard(state, 2000), 2000)
    assert (view.health, codes(view)[0]) == ("down", ("down", "disk", "/srv", "faulty"))


def test_measure_that_judges_otherwise_than_the_words_before_it_counts():
    """The event between them was lost."""
    view = site(folded(retention_with("full", "judged_ok")), 60).disk
    assert (view.state, view.since_ms, view.free_bytes) == ("ok", None, 1)
    view = site(folded(retention_with("judged_low")), 60).disk
    assert (view.state, view.since_ms) == ("low", at_ms(0))
    assert site(folded(retention_with("judged_ok", "full")), 60).disk.state == "full"


def test_disk_that_cannot_be_helped_says_why():
    """Only protected footage is left."""
    retention = Teller("retention")
    low = DiskLow(mount="/srv", total_bytes=100, free_bytes=5, used_percent=95.0, hours_left=3.5, reason="protected")
    retention.say(low, 0)
    view = site(folded(retention), 60)
    assert view.disk.stuck == "protected"
    assert next(one for one in view.troubles if one.about == "disk").params["stuck"] == "protected"


def test_footage_that_is_protected_is_shown_until_it_is_let_go():
    """In whichever order it is heard."""
    retention = Teller("retention")
    common = {"from_": text(0), "to": text(60), "note": "forklift", "by": "sari"}
    kept = retention.say(FootageProtected(protection=EPOCHS[0], **common), 100, "lobby")
    retention.say(FootageProtected(protection=EPOCHS[1], **common), 110, "lobby")
    retention.say(FootageUnprotected(protection=EPOCHS[0], **common), 120, "lobby")
    state = folded(retention)
    state.apply(kept)
    (view,) = lobby(state, 600).protected
    assert (view.id, view.start_ms, view.end_ms, view.note, view.by, view.since_ms) == (
        EPOCHS[1],
        at_ms(0),
        at_ms(60),
        "forklift",
        "sari",
        at_ms(110),
    )


def test_newest_receipt_is_shown():
    """What was deleted last, and why."""
    retention = Teller("retention")
    retention.pruned(0, 60, at=100)
    retention.pruned(60, 120, at=200, rule="age")
    view = site(folded(retention), 300).disk.last_pruned
    assert (view.at_ms, view.rule, view.segments, view.bytes) == (at_ms(200), "age", 1, 1)


def test_short_retention_is_shown_until_it_is_restored():
    """Said once each."""
    retention = Teller("retention")
    data = RetentionShort(channel="lobby", promise_days=30.0, forecast_days=9.5, short_from=text(DAY))
    retention.say(data, 0)
    state = folded(retention)
    view = site(state, 3600).disk.short
    assert [(view.channel, view.promise_days, view.forecast_days, view.short_from_ms) for view in view] == [
        ("lobby", 30.0, 9.5, at_ms(DAY))
    ]
    assert ("degraded", "disk", "lobby", "short") in codes(site(state, 3600))
    state.apply(retention.say(RetentionRestored(channel="lobby", promise_days=30.0, forecast_days=31.0), 20))
    assert site(state, 3600).disk.short == ()


def test_damaged_recordings_that_were_read_back_trouble_the_site_for_a_week():
    """A later sample that is well does not make them whole; one that is not in turn is the newest."""
    retention = Teller("retention")
    well = {"checked": 1, "held": 1, "bytes": 9, "pictures": 9, "changed": (), "unreadable": (), "undecodable": ()}
    told = [retention.say(SegmentsVerified(**well), 0)]
    assert site(folded(retention), 60).disk.harmed is None
    assert site(folded(retention), 60).disk.verified_ms == at_ms(0)
    path = name("lobby", 0).path
    told.append(retention.say(SegmentsVerified(**well | {"unreadable": (path,)}), 100))
    told.append(retention.say(SegmentsVerified(**well), 200))
    state = folded(retention)
    state.apply(told[0])
    view = site(state, 300)
    assert (view.disk.verified_ms, view.disk.harmed) == (at_ms(200), HarmedView(at_ms(100), 1, path))
    (trouble,) = (one for one in view.troubles if one.about == "disk")
    assert (trouble.severity, trouble.code, trouble.params["detail"]) == ("degraded", "harmed", path)
    assert "harmed" not in [one.code for one in site(state, 100 + 7 * DAY + 1).troubles]


# The site


def test_site_where_all_is_well_is_ok():
    """No trouble, no words."""
    view = site(heard(folded(recorder_with()), 620), 620)
    assert (view.health, view.troubles, view.newest_event_ms) == ("ok", (), at_ms(600))


def test_site_with_a_channel_away_is_degraded_and_shows_it_first():
    """Trouble first, then the order of the configuration."""
    recorder, validator = recorder_with(0, 600, "gate", "yard"), Teller("validator")
    recorder.stopped(605, "timeout", "yard")
    validator.invalid(560, channel="gate")
    settings = [
        LOBBY,
        ChannelSetting("attic", "Attic", False),
        GATE,
        ChannelSetting("yard", "Yard", True),
    ]
    view = site(heard(folded(recorder, validator), 620), 620, settings)
    assert [channel.id for channel in view.channels] == ["yard", "gate", "lobby", "attic"]
    assert view.health == "degraded"
    assert codes(view) == [("degraded", "channel", "gate", "black"), ("degraded", "channel", "yard", "timeout")]
    assert view.troubles[1].params == {"name": "Yard", "status": "offline", "detail": "it is timeout"}
    totals = view.totals
    assert (totals.total, totals.recording, totals.invalid, totals.offline, totals.off) == (4, 1, 1, 1, 1)


def test_site_where_nothing_records_is_down():
    """Also when every camera has its own reason."""
    recorder = recorder_with()
    recorder.stopped(605)
    view = site(heard(folded(recorder), 620), 620)
    assert (view.health, codes(view)) == ("down", [("down", "channel", "lobby", "timeout")])


def test_site_whose_recorder_is_gone_is_down_for_that_reason_first():
    """The cause before what follows from it."""
    state = heard(heard(folded(recorder_with()), 620), 640, "web")
    state.hear("recorder", will(), at_ms(630))
    view = site(state, 641, expected=("recorder", "web"))
    assert view.health == "down"
    assert codes(view) == [
        ("down", "process", "recorder", "offline"),
        ("down", "channel", "lobby", "recorder_down"),
    ]


def test_site_without_channels_to_record_is_not_down():
    """Nothing should record."""
    state = heard(SiteProjection(), 100)
    assert site(state, 100, [ChannelSetting("lobby", "Lobby", False)]).health == "ok"


def test_site_of_which_nothing_is_known_is_down():
    """Nobody can say that anything records."""
    view = site(SiteProjection(), 0, expected=("recorder", "web"))
    assert view.health == "down"
    assert codes(view) == [
        ("down", "channel", "lobby", "unheard"),
        ("degraded", "process", "recorder", "unheard"),
        ("degraded", "process", "web", "unheard"),
    ]
    assert view.newest_event_ms is None


def test_silence_of_all_is_the_broker():
    """All fell silent at once, none said goodbye."""
    state = heard(heard(folded(recorder_with()), 620), 621, "web")
    view = site(state, 700, expected=("recorder", "web"))
    assert codes(view)[0] == ("down", "events", "broker", "silent")
    assert view.troubles[0].since_ms == at_ms(621)
    state.hear("recorder", will(), at_ms(650))
    assert "silent" not in [trouble.code for trouble in site(state, 700, expected=("recorder", "web")).troubles]


def test_process_that_ended_by_an_error_is_failed():
    """With its words."""
    validator = Teller("validator")
    validator.up(0)
    validator.down(10, "failed", "OSError: no")
    state = heard(folded(recorder_with(), validator), 620)
    view = site(state, 620, expected=("recorder", "validator"))
    assert codes(view) == [("degraded", "process", "validator", "failed")]
    assert view.troubles[0].params["detail"] == "OSError: no"


def events_of_recorder(kind, first, last, how="hole"):
    """What web says of the recorder's events."""
    common = {"source": "/jkt-001/recorder", "epoch": EPOCHS[0], "from_": first, "to": last}
    return EventsRecovered(**common, how="replay") if kind == "filled" else EventsMissing(**common, how=how)


def test_events_that_are_missing_are_a_trouble_until_they_are_back_or_lost():
    """In whichever order it is told."""
    state, web = heard(folded(recorder_with()), 620), Teller("web")
    state.apply(web.say(events_of_recorder("filled", 10, 14), 611))
    state.apply(web.say(events_of_recorder("missing", 10, 19), 610))
    view = site(state, 620)
    assert codes(view) == [("degraded", "events", "recorder", "missing")]
    assert view.troubles[0].params == {"count": 5}
    state.apply(web.say(events_of_recorder("missing", 15, 19, "gone"), 615))
    view = site(state, 620)
    assert [(trouble.code, trouble.params) for trouble in view.troubles] == [("lost", {"count": 5})]
    assert site(heard(state, 2 * DAY), 2 * DAY).troubles[0].code != "lost"


def test_events_that_are_missing_alarm_nobody_at_once():
    """They were asked for again, and mostly come within a second."""
    state = heard(folded(recorder_with()), 620)
    state.apply(Teller("web").say(events_of_recorder("missing", 10, 19), 615))
    assert codes(site(state, 620)) == []
    assert codes(site(state, 625)) == [("degraded", "events", "recorder", "missing")]
    losses = state.losses["recorder"]
    assert losses.lacks(EPOCHS[0], 12, 12)
    assert not losses.lacks(EPOCHS[0], 20, 29)


def test_range_that_came_is_lacked_no_more_and_a_lost_one_for_ever():
    """In whichever order it is told."""
    state, web = SiteProjection(), Teller("web")
    state.apply(web.say(events_of_recorder("filled", 10, 14), 611))
    state.apply(web.say(events_of_recorder("missing", 10, 19), 610))
    losses = state.losses["recorder"]
    assert not losses.lacks(EPOCHS[0], 10, 14)
    assert losses.lacks(EPOCHS[0], 10, 19)
    state.apply(web.say(events_of_recorder("missing", 15, 19, "gone"), 612))
    assert losses.lacks(EPOCHS[0], 15, 19)
    state.apply(web.say(events_of_recorder("filled", 15, 19), 613))
    assert not losses.lacks(EPOCHS[0], 15, 19)


def test_site_that_has_just_started_is_not_well_and_in_no_trouble():
    """The recorder runs and has a minute to say something of its channels."""
    view = site(heard(SiteProjection(), 5, started=0), 5)
    assert (view.health, codes(view)) == ("degraded", [])
    view = site(heard(SiteProjection(), 61, started=0), 61)
    assert (view.health, codes(view)) == ("down", [("down", "channel", "lobby", "not_yet")])


def test_number_that_was_given_twice_is_shown_for_a_day():
    """Two processes run on one outbox, or it was copied."""
    web = Teller("web")
    hashes = {"kept_sha256": "9f" * 32, "refused_sha256": "60" * 32}
    conflict = EventsConflicting(source="/jkt-001/recorder", epoch=EPOCHS[0], sequence=7, **hashes)
    web.say(conflict, 610)
    state = heard(folded(recorder_with(), web), 620)
    state.apply(web.say(conflict, 611))
    view = site(state, 620)
    assert [(trouble.code, trouble.params) for trouble in view.troubles] == [("conflicting", {"count": 1})]


def test_outbox_that_dropped_events_is_shown_for_a_day():
    """The loss is declared by who lost it."""
    recorder = recorder_with()
    recorder.say(OutboxTruncated(epoch=EPOCHS[0], from_=1, to=4, bytes=1, max_bytes=1), 601)
    view = site(heard(folded(recorder), 620), 620)
    assert [(trouble.code, trouble.params) for trouble in view.troubles] == [("truncated", {"count": 4})]


@pytest.mark.parametrize(("step_s", "shown"), [(1.9, False), (-2, True), (3600, True)])
def test_clock_that_stepped_is_shown_for_an_hour(step_s, shown):
    """Small steps are what clocks do."""
    recorder = recorder_with()
    recorder.jumped(600, 600 + step_s, at=600)
    found = [("degraded", "clock", "recorder", "stepped")] if shown else []
    state = folded(recorder)
    assert codes(site(heard(state, 620), 620)) == found
    assert ("degraded", "clock", "recorder", "stepped") not in codes(site(heard(state, 4201), 4201))
