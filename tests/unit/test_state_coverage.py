"""Every second of a channel has one account, and every gap its reason."""

import pytest
from state_story import Teller, at_ms, beat, folded, text, will

from edge.events.catalog import PrunedRange, SegmentsMissing
from edge.state import coverage

HOUR = 3600
DAY = 86_400


def told(state, start, end, now=None, channel="lobby", segment_s=60):
    """The spans of a range in a short form: kind or reason, start and end in seconds."""
    now = end if now is None else now
    spans = coverage(state, channel, at_ms(start), at_ms(end), at_ms(now), segment_s=segment_s)
    short = []
    for span in spans:
        words = "growing" if span.growing else span.kind if span.kind in ("recorded", "future") else span.reason
        if span.invalid:
            words = f"{words}/{span.invalid}"
        short.append((words, (span.start_ms - at_ms(0)) / 1000, (span.end_ms - at_ms(0)) / 1000))
    return short


def recorder_with(start=0, end=600, channel="lobby"):
    """A recorder that has recorded for a while."""
    recorder = Teller()
    recorder.up(start - 1)
    recorder.started(start + 0.6, channel)
    recorder.segments(start, end, channel)
    return recorder


def alive(state, at):
    """The recorder was heard then."""
    state.hear("recorder", beat(at), at_ms(at))
    return state


def test_unbroken_recording_is_one_span():
    """Segments that follow each other are one stretch."""
    state = alive(folded(recorder_with(0, 600)), 599)
    assert told(state, 0, 600) == [("recorded", 0, 600)]


def test_camera_away_first_reason_holds_from_the_last_frame_and_later_ones_from_when_they_were_said():
    """What is noticed late explains the time since the last frame."""
    recorder = recorder_with(0, 600)
    recorder.stopped(605, "timeout")
    recorder.stopped(615, "unreachable")
    recorder.started(660.6)
    recorder.segment(660, 720)
    assert told(folded(recorder), 540, 720) == [
        ("recorded", 540, 600),
        ("timeout", 600, 615),
        ("unreachable", 615, 660),
        ("recorded", 660, 720),
    ]


def test_camera_away_until_now_is_a_gap_until_now():
    """A gap that has not ended carries the reason that was said last."""
    recorder = recorder_with(0, 600)
    recorder.stopped(605, "unreachable")
    state = alive(folded(recorder), 900)
    assert told(state, 540, 1000, now=900) == [
        ("recorded", 540, 600),
        ("unreachable", 600, 900),
        ("future", 900, 1000),
    ]


def test_recorder_killed_and_back_is_recorder_down():
    """A start without a stop before it explains the gap that it lies in."""
    recorder = recorder_with(0, 600)
    recorder.up(604, bdseq=2)
    recorder.segment(600, 600.5, reason="recovered", at=604.2)
    recorder.started(606.1)
    recorder.segment(605.5, 660)
    assert told(folded(recorder), 0, 660) == [
        ("recorded", 0, 600.5),
        ("recorder_down", 600.5, 605.5),
        ("recorded", 605.5, 660),
    ]


def test_box_without_power_for_an_hour_is_recorder_down_from_the_last_footage():
    """Nobody could say anything: the footage bounds the gap."""
    recorder = recorder_with(0, 600)
    recorder.up(600 + HOUR, bdseq=2)
    recorder.segment(600, 632.2, reason="recovered", at=601 + HOUR)
    recorder.stopped(603 + HOUR, "unreachable")
    recorder.started(640 + HOUR)
    recorder.segment(639.5 + HOUR, 660 + HOUR)
    assert told(folded(recorder), 0, 660 + HOUR) == [
        ("recorded", 0, 632.2),
        ("recorder_down", 632.2, 603 + HOUR),
        ("unreachable", 603 + HOUR, 639.5 + HOUR),
        ("recorded", 639.5 + HOUR, 660 + HOUR),
    ]


def test_recorder_stopped_cleanly_is_shutdown_until_it_records_again():
    """Who says goodbye is not a crash."""
    recorder = recorder_with(0, 600)
    recorder.segment(600, 610, reason="shutdown")
    recorder.stopped(610.1, "shutdown")
    recorder.down(610.2)
    recorder.up(1200)
    recorder.started(1202)
    recorder.segment(1201.5, 1260)
    assert told(folded(recorder), 600, 1260) == [
        ("recorded", 600, 610),
        ("shutdown", 610, 1201.5),
        ("recorded", 1201.5, 1260),
    ]


def test_recorder_that_ended_by_an_error_is_a_crash():
    """Its channels say that it stops, the process says why."""
    recorder = recorder_with(0, 600)
    recorder.stopped(600.1, "shutdown")
    recorder.down(600.2, "failed", "OSError: no")
    recorder.up(630)
    recorder.started(632)
    recorder.segment(631, 660)
    assert told(folded(recorder), 0, 660)[1] == ("crash", 600, 631)


@pytest.mark.parametrize("reason", ["disk_full", "storage_missing", "config", "auth_failed"])
def test_reason_of_a_stop_is_the_reason_of_the_gap(reason):
    """Every coded reason passes through."""
    recorder = recorder_with(0, 600)
    recorder.stopped(600.2, reason)
    recorder.started(700.5)
    recorder.segment(700, 760)
    assert told(folded(recorder), 0, 760)[1] == (reason, 600, 700)


def test_camera_away_while_the_box_loses_power_is_split_where_the_others_fall_silent():
    """Another channel shows until when the recorder lived."""
    recorder = recorder_with(0, 600)
    recorder.stopped(605, "unreachable")
    recorder.segments(0, 1200, "gate")
    recorder.up(5000, bdseq=2)
    recorder.stopped(5003, "timeout")
    recorder.started(5100)
    recorder.segment(5099.5, 5160)
    assert told(folded(recorder), 0, 5160) == [
        ("recorded", 0, 600),
        ("unreachable", 600, 1200),
        ("recorder_down", 1200, 5003),
        ("timeout", 5003, 5099.5),
        ("recorded", 5099.5, 5160),
    ]


def test_camera_away_and_only_channel_keeps_its_reason_over_a_crash():
    """Nothing shows when the recorder died, and the camera was away before."""
    recorder = recorder_with(0, 600)
    recorder.stopped(605, "unreachable")
    recorder.up(5000, bdseq=2)
    recorder.started(5005)
    recorder.segment(5004, 5060)
    assert told(folded(recorder), 0, 5060)[1] == ("unreachable", 600, 5004)


def test_time_before_a_channel_was_new_is_not_yet():
    """A channel that came yesterday had no gaps before."""
    recorder = recorder_with(0, 600)
    recorder.stopped(DAY + 2, "timeout", "gate")
    recorder.started(DAY + 60.5, "gate")
    recorder.segment(DAY + 60, DAY + 120, "gate")
    assert told(folded(recorder), 0, DAY + 120, channel="gate") == [
        ("not_yet", 0, DAY + 2),
        ("timeout", DAY + 2, DAY + 60),
        ("recorded", DAY + 60, DAY + 120),
    ]


def test_channel_never_heard_of_is_not_yet_and_future():
    """A channel that the recorder never named, or that is switched off."""
    assert told(folded(), 0, 100, now=60) == [("not_yet", 0, 60), ("future", 60, 100)]


@pytest.mark.parametrize(("gap", "shown"), [(0.04, False), (0.999, False), (1.0, True), (1.5, True)])
def test_gap_of_a_second_shows_and_less_does_not(gap, shown):
    """Slewed clocks part segments of an unbroken recording; a second is a gap."""
    recorder = recorder_with(0, 600)
    recorder.segment(600 + gap, 660)
    spans = told(folded(recorder), 0, 660)
    assert spans == (
        [("recorded", 0, 600), ("unexplained", 600, 600 + gap), ("recorded", 600 + gap, 660)]
        if shown
        else [("recorded", 0, 660)]
    )


def test_small_gap_at_midnight_does_not_show_in_either_day():
    """Days of UTC are only how it is kept."""
    recorder = recorder_with(DAY - 600, DAY)
    recorder.segment(DAY + 0.4, DAY + 60)
    state = folded(recorder)
    assert told(state, DAY, DAY + 60) == [("recorded", DAY, DAY + 60)]
    assert told(state, DAY - 60, DAY + 0.2, now=DAY + 60) == [("recorded", DAY - 60, DAY + 0.2)]


def test_segment_over_midnight_counts_in_both_days():
    """A segment may begin on one day and end on the next."""
    recorder = recorder_with(DAY - 600, DAY - 60)
    recorder.segment(DAY - 60, DAY + 240)
    assert told(folded(recorder), DAY, DAY + 240) == [("recorded", DAY, DAY + 240)]


def test_segments_that_overlap_by_milliseconds_are_one_stretch():
    """A clock that is slewed back lets segments overlap."""
    recorder = recorder_with(0, 600)
    recorder.segment(599.96, 660)
    assert told(folded(recorder), 0, 660) == [("recorded", 0, 660)]


def test_clock_stepped_back_records_the_same_hour_twice():
    """Footage of both lies there; it is one stretch of recorded time."""
    recorder = recorder_with(0, 2 * HOUR)
    recorder.jumped(2 * HOUR, HOUR)
    recorder.segments(HOUR + 2, 3 * HOUR)
    assert told(folded(recorder), 0, 3 * HOUR) == [("recorded", 0, 3 * HOUR)]


def test_clock_stepped_forward_leaves_out_time_for_the_clock():
    """No second of this gap has ever been."""
    recorder = recorder_with(0, 600)
    recorder.segment(600, 605, reason="discontinuity")
    recorder.jumped(605, 605 + HOUR)
    recorder.segment(606 + HOUR, 660 + HOUR)
    assert told(folded(recorder), 0, 660 + HOUR) == [
        ("recorded", 0, 605),
        ("clock", 605, 606 + HOUR),
        ("recorded", 606 + HOUR, 660 + HOUR),
    ]


def test_gap_without_a_word_is_unexplained():
    """Events that were lost leave a gap that says so."""
    recorder = recorder_with(0, 600)
    recorder.segments(1200, 1800)
    assert told(folded(recorder), 0, 1800)[1] == ("unexplained", 600, 1200)


def test_gap_before_a_segment_that_tells_of_drops_is_dropped():
    """The disk was too slow, and the next segment says how much was thrown away."""
    recorder = recorder_with(0, 600)
    recorder.segment(612, 660, dropped_fragments=24, dropped_s=12.0)
    assert told(folded(recorder), 0, 660)[1] == ("dropped", 600, 612)


def test_stop_that_is_older_than_the_last_segment_does_not_explain_the_next_gap():
    """The start after it was lost, but there is footage since."""
    recorder = recorder_with(0, 600)
    recorder.stopped(605, "unreachable")
    recorder.segments(660, 1200)
    recorder.segments(1800, 2400)
    assert told(folded(recorder), 660, 2400)[1] == ("unexplained", 1200, 1800)


def test_range_inside_a_long_gap_knows_what_was_said_outside_of_it():
    """Reasons are those of the whole gap, however little of it is asked for."""
    recorder = recorder_with(0, 600)
    recorder.up(3 * DAY, bdseq=2)
    recorder.started(3 * DAY + 2)
    recorder.segment(3 * DAY + 1.5, 3 * DAY + 60)
    state = folded(recorder)
    assert told(state, DAY, 2 * DAY) == [("recorder_down", DAY, 2 * DAY)]
    recorder = recorder_with(0, 600)
    recorder.stopped(605, "auth_failed")
    assert told(alive(folded(recorder), 9 * DAY), DAY, 2 * DAY, now=9 * DAY) == [("auth_failed", DAY, 2 * DAY)]


def test_growing_segment_is_recorded_up_to_now():
    """What is being written counts, and says that it is."""
    state = alive(folded(recorder_with(0, 600)), 630)
    assert told(state, 540, 700, now=640) == [("recorded", 540, 600), ("growing", 600, 640), ("future", 640, 700)]


def test_first_segment_grows_from_the_start_of_the_recording():
    """Before any segment is finished there is footage already."""
    recorder = Teller()
    recorder.up(0)
    recorder.started(2)
    state = alive(folded(recorder), 20)
    assert told(state, 0, 30, now=25) == [("not_yet", 0, 2), ("growing", 2, 25), ("future", 25, 30)]


def test_growing_segment_after_the_camera_came_back_leaves_the_gap_before_it():
    """The reason of the gap ends where the recording starts."""
    recorder = recorder_with(0, 600)
    recorder.stopped(605, "timeout")
    recorder.started(640)
    state = alive(folded(recorder), 655)
    assert told(state, 540, 660, now=660) == [("recorded", 540, 600), ("timeout", 600, 640), ("growing", 640, 660)]


def test_growing_segment_that_never_ends_is_a_stall():
    """Three segments and half a minute without one: it does not record."""
    state = alive(folded(recorder_with(0, 600)), 1000)
    assert told(state, 540, 810, now=810) == [("recorded", 540, 600), ("growing", 600, 810)]
    assert told(state, 540, 811, now=811) == [("recorded", 540, 600), ("stalled", 600, 811)]


def test_stall_of_today_does_not_explain_the_gap_of_yesterday():
    """Only a gap that lasts until now takes the reason of now."""
    recorder = recorder_with(0, 600)
    recorder.segments(1200, 1800)
    state = alive(folded(recorder), 9000)
    assert told(state, 600, 900, now=9000) == [("unexplained", 600, 900)]
    assert told(state, 1800, 9000, now=9000) == [("stalled", 1800, 9000)]


def test_growing_segment_of_a_recorder_that_is_gone_ends_with_it():
    """What it held then is on disk, and will be recovered."""
    state = alive(folded(recorder_with(0, 600)), 620)
    state.hear("recorder", will(), at_ms(622))
    assert told(state, 540, 700, now=700) == [
        ("recorded", 540, 600),
        ("growing", 600, 620),
        ("recorder_down", 620, 700),
    ]


def test_recorder_back_after_a_kill_is_down_until_its_channel_speaks():
    """What was said by the life before does not hold any more."""
    recorder = recorder_with(0, 600)
    recorder.up(640, bdseq=2)
    state = folded(recorder)
    state.hear("recorder", beat(640, bdseq=2, started=640), at_ms(640))
    assert told(state, 540, 642, now=642) == [("recorded", 540, 600), ("recorder_down", 600, 642)]


def test_pruned_segments_are_pruned_by_their_rule():
    """A receipt takes the segments in it, whichever comes first."""
    recorder, retention = recorder_with(0, 600), Teller("retention")
    retention.pruned(0, 120, at=900, rule="age")
    retention.pruned(120.02, 180, at=960, rule="age")
    expected = [("age", 0, 180), ("recorded", 180, 600)]
    assert told(folded(recorder, retention), 0, 600) == expected
    assert told(folded(retention, recorder), 0, 600) == expected


def test_receipt_that_ends_where_the_next_segment_begins_leaves_that_segment():
    """Ends and starts of neighbours overlap by some milliseconds."""
    recorder, retention = Teller(), Teller("retention")
    recorder.segment(0, 60.04)
    recorder.segment(60.0, 120)
    retention.pruned(0, 60.04, at=900)
    assert told(folded(recorder, retention), 0, 120) == [("space", 0, 60), ("recorded", 60, 120)]


def test_gap_between_receipts_keeps_its_reason():
    """A receipt that names runs says of each second whether it was recorded."""
    recorder, retention = recorder_with(0, 600), Teller("retention")
    recorder.stopped(605, "timeout")
    recorder.started(660.5)
    recorder.segments(660, 1200)
    retention.pruned(0, 600, at=2000)
    retention.pruned(660, 720, at=2000)
    assert told(folded(recorder, retention), 0, 780) == [
        ("space", 0, 600),
        ("timeout", 600, 660),
        ("space", 660, 720),
        ("recorded", 720, 780),
    ]


def test_gap_inside_a_receipt_keeps_its_reason():
    """A receipt speaks of a run of deleted segments; what was never recorded between them was not deleted."""
    recorder, retention = recorder_with(0, 600), Teller("retention")
    recorder.stopped(605, "timeout")
    recorder.started(660.5)
    recorder.segments(660, 1200)
    retention.pruned(0, 720, at=2000)
    expected = [("space", 0, 600), ("timeout", 600, 660), ("space", 660, 720), ("recorded", 720, 780)]
    assert told(folded(recorder, retention), 0, 780) == expected
    assert told(folded(retention, recorder), 0, 780) == expected


def test_receipt_for_segments_that_nobody_told_of_is_pruned_all_the_same():
    """Their events were lost, the receipt was not."""
    recorder, retention = recorder_with(0, 600), Teller("retention")
    recorder.segments(1200, 1260)
    retention.pruned(600, 1200, at=2000, rule="quota")
    assert told(folded(recorder, retention), 0, 1260) == [
        ("recorded", 0, 600),
        ("quota", 600, 1200),
        ("recorded", 1200, 1260),
    ]


def test_segments_that_somebody_else_deleted_are_a_gap_named_missing():
    """Without a rule and without a receipt."""
    recorder, retention = recorder_with(0, 600), Teller("retention")
    gone = PrunedRange(channel="lobby", from_=text(120), to=text(180), segments=1, bytes=1, oldest_kept=text(0))
    retention.say(SegmentsMissing(segments=1, bytes=1, channels=(gone,)), 2000)
    expected = [("recorded", 0, 120), ("missing", 120, 180), ("recorded", 180, 600)]
    assert told(folded(recorder, retention), 0, 600) == expected
    assert told(folded(retention, recorder), 0, 600) == expected


def test_rejected_segment_shows_whether_told_before_or_after_it_was_written():
    """The validator may be heard earlier than the recorder."""
    recorder, validator = recorder_with(0, 600), Teller("validator")
    validator.rejected(120, at=190)
    validator.rejected(180, at=250, reason="frozen")
    expected = [("recorded", 0, 120), ("black", 120, 180), ("frozen", 180, 240), ("recorded", 240, 600)]
    assert told(folded(recorder, validator), 0, 600) == expected
    assert told(folded(validator, recorder), 0, 600) == expected


def test_rejected_segment_that_was_deleted_is_pruned():
    """Quarantine is over."""
    recorder, validator, retention = recorder_with(0, 600), Teller("validator"), Teller("retention")
    validator.rejected(120, at=190)
    retention.pruned(120, 180, at=9000, rule="rejected")
    assert told(folded(recorder, validator, retention), 0, 600)[1] == ("rejected", 120, 180)


def test_segment_whose_name_is_later_than_its_start_is_known_by_its_name():
    """A stepped clock gave the name twice, so the file is called some milliseconds later."""
    recorder, validator = Teller(), Teller("validator")
    named = recorder.segment(60.002, 120).data["path"]
    recorder.facts.clear()
    recorder.segment(60, 120, path=named)
    validator.rejected(60.002, at=200)
    assert told(folded(recorder, validator), 0, 120)[1] == ("black", 60.002, 120)


def test_bad_picture_rides_on_recorded_time_only():
    """Where nothing was recorded there is no picture to be at fault."""
    recorder, validator = recorder_with(0, 600), Teller("validator")
    recorder.stopped(605)
    recorder.started(660.5)
    recorder.segments(660, 720)
    validator.invalid(400, since=390)
    validator.invalid(500, reason="covered")
    validator.valid(690)
    assert told(folded(recorder, validator), 300, 720) == [
        ("recorded", 300, 390),
        ("recorded/black", 390, 500),
        ("recorded/covered", 500, 600),
        ("timeout", 600, 660),
        ("recorded/covered", 660, 690),
        ("recorded", 690, 720),
    ]


def test_bad_picture_holds_until_it_is_good_again():
    """Also over the growing segment."""
    recorder, validator = recorder_with(0, 600), Teller("validator")
    validator.invalid(580)
    state = alive(folded(recorder, validator), 610)
    assert told(state, 540, 620) == [("recorded", 540, 580), ("recorded/black", 580, 600), ("growing/black", 600, 620)]


def test_empty_and_backward_ranges_have_no_spans():
    """Nothing to tell."""
    state = folded(recorder_with())
    assert told(state, 60, 60) == []
    assert told(state, 60, 0) == []


def test_footage_in_the_future_is_recorded():
    """HQ's clock may be behind the site's."""
    state = folded(recorder_with(0, 600))
    assert told(state, 500, 700, now=550) == [("recorded", 500, 600), ("future", 600, 700)]
