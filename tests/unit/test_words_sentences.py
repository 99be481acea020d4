"""Every event has a sentence, and it reads."""

from typing import get_args

import pytest

from edge.events.catalog import EVENTS, RecordingStopped, SegmentWritten, SiteReported, UnknownEvent
from edge.words.catalog import Words
from edge.words.language import LANGUAGES
from edge.words.sentences import SENTENCES, sentence


def test_every_event_of_the_catalog_has_a_sentence():
    """A new event without one does not pass."""
    assert set(SENTENCES) == set(EVENTS.values())


def test_every_event_has_a_sentence_of_its_own_in_each_language():
    """No two share one, and none is left in the other language."""
    told = [sentence(event.read(event.example), Words(language)) for event in EVENTS.values() for language in LANGUAGES]
    assert len(set(told)) == len(EVENTS) * len(LANGUAGES)


@pytest.mark.parametrize(("language", "status"), [("en", "needs attention"), ("id", "perlu diperiksa")])
def test_report_is_told_in_words_and_not_by_its_code(language, status):
    """`degraded` is for programs."""
    assert f": {status}, " in sentence(SiteReported.read(SiteReported.example), Words(language))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_example_of_an_event_reads_as_a_sentence(event, language):
    """Words, not Python: no braces, no None, no code names with underscores."""
    words = sentence(event.read(event.example), Words(language))
    assert words == words.strip()
    for ugly in ("{", "}", "None", "_", "  ", ": :", "edge."):
        assert ugly not in words.replace("lobby_2026", ""), words


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_event_without_what_is_optional_reads_too(event, language):
    """Whatever may be null is left out of the sentence, not written as None."""
    nullable = {
        (field.alias or name) for name, field in event.model_fields.items() if type(None) in get_args(field.annotation)
    }
    words = sentence(event.read({**event.example, **dict.fromkeys(nullable)}), Words(language))
    assert "None" not in words


def written(**changes):
    return sentence(SegmentWritten.read({**SegmentWritten.example, **changes}))


def test_segment_tells_its_losses_or_that_there_are_none():
    """What was lost stands in place of `nothing lost`."""
    assert written() == "segment written: 60.0 s, 30.2 MB, 1501 pictures, nothing lost"
    assert (
        written(
            lost_packets=12, suspect_s=0.96, gap_before_s=4.0, dropped_fragments=2, dropped_s=1.0, reason="disconnect"
        )
        == "segment written: 60.0 s, 30.2 MB, 1501 pictures, 12 packets lost, 1.0 s dropped as the disk was too slow, "
        "1.0 s may not decode, a gap of 4.0 s before it, ends as the camera was lost"
    )


@pytest.mark.parametrize(
    ("retry_in_s", "end"), [(None, "(401)"), (0.2, "(401) - next try at once"), (120, "(401) - next try in 2 min")]
)
def test_stopped_recording_tells_why_and_when_it_is_tried_again(retry_in_s, end):
    """The reason first, the next try last."""
    event = RecordingStopped(reason="auth_failed", detail="the camera refuses the user (401)", retry_in_s=retry_in_s)
    words = sentence(event)
    assert words.startswith("recording stopped: wrong password: the camera refuses")
    assert words.endswith(end)


def test_event_of_a_newer_release_is_named():
    """What is not understood is told all the same."""
    assert "brand_new (version 3)" in sentence(UnknownEvent("brand_new", 3, {}))
