"""What follows from looks at one channel: stretches over restarts, and where keyframes lie far apart."""

from validator_views import Sensor, clock, flat, view

from edge.validator.judge import ChannelJudge
from edge.validator.rejection import Span
from edge.validator.thresholds import Thresholds
from edge.validator.watched import Pace, Seen, Watched

PACE = Pace(10.0, 3)
S = 1000


def look(watched, picture, at_s):
    return watched.look(picture, Seen(0, at_s, at_s * S))


def test_segments_are_rejected_although_keyframes_lie_far_apart():
    """Looks 40 s apart miss no keyframe, so that there is no hole between them."""
    sensor, watched = Sensor(), Watched(ChannelJudge(confirm=3), PACE)
    at_s, rejected = 1000, []
    for _ in range(4):
        look(watched, sensor(view()), at_s)
        at_s += 40
    for _ in range(8):
        rejected += look(watched, flat(2), at_s).rejected
        rejected += watched.finished(Span((at_s + 5) * S, (at_s + 30) * S)).rejected
        at_s += 40
    assert len(rejected) >= 5


def test_one_long_hole_ends_the_stretch():
    """Nobody looked for a while: what was written meanwhile is kept."""
    watched = Watched(ChannelJudge(confirm=3), PACE)
    for at_s in range(1000, 1060, 10):
        look(watched, flat(2), at_s)
    watched.finished(Span(1060 * S, 1100 * S))
    assert look(watched, flat(2), 1120).rejected == ()


def test_restart_in_a_freeze_keeps_no_segment_more():
    """The first picture after a restart is not taken for a good one."""
    sensor, watched = Sensor(), Watched(ChannelJudge(confirm=3), PACE)
    for place in range(30):
        look(watched, clock(sensor(view()), place), 1000 + 10 * place)
    still = sensor(view())
    for place in range(30, 35):
        look(watched, clock(still, place), 1000 + 10 * place)
    again = Watched.load(*watched.dump(), Thresholds(), PACE)
    again.finished(Span(1335 * S, 1355 * S))
    assert look(again, clock(still, 36), 1350).rejected == ()
    assert look(again, clock(still, 37), 1360).rejected == (Span(1335 * S, 1355 * S),)
