"""One catalog in two languages: the same keys, the same places to fill in, a word for every code."""

import re
import string
from typing import get_args

import pytest

from edge.errors import StopReason as ErrorReason
from edge.events.catalog import EVENTS, CutReason, StopReason
from edge.events.catalog.retention import DiskPruned
from edge.events.catalog.validator import InvalidReason, RejectReason
from edge.state.views import ChannelStatus, DiskState, ProcessStatus
from edge.words.catalog import TEXTS, Words
from edge.words.language import LANGUAGES, choose

PLACE = string.Formatter()


def places(text):
    return {name for _, name, _, _ in PLACE.parse(text) if name is not None}


def test_languages_have_the_same_keys():
    """Whoever adds a sentence adds it in both."""
    assert set(TEXTS["en"]) == set(TEXTS["id"])


@pytest.mark.parametrize("key", TEXTS["en"])
def test_text_has_the_same_places_in_every_language(key):
    """A place that one language lacks would leave out what matters."""
    assert {language: places(TEXTS[language][key]) for language in LANGUAGES} == dict.fromkeys(
        LANGUAGES, places(TEXTS["en"][key])
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_are_calm(language):
    """No exclamation, no double spaces, no sentence that ends in nothing, no code word `Error`."""
    for key, text in TEXTS[language].items():
        assert "!" not in text, key
        assert "  " not in text, key
        assert not re.search(r"\berror\b", text, re.IGNORECASE), key


def test_counted_texts_come_in_pairs():
    """A text for one has a text for many."""
    keys = set(TEXTS["en"])
    assert {key for key in keys if key.endswith(".one")} == {
        f"{key.removesuffix('.many')}.one" for key in keys if key.endswith(".many") and key != "do.unreachable.many"
    }


@pytest.mark.parametrize(
    ("group", "codes"),
    [
        ("stopped", get_args(StopReason)),
        ("why", (*get_args(StopReason), "recorder_down", "stalled", "not_yet", "unheard")),
        ("do", (*get_args(StopReason), "recorder_down", "stalled", "not_yet", "unheard")),
        ("gap", (*get_args(StopReason), "recorder_down", "stalled", "dropped", "clock", "not_yet", "unexplained")),
        ("cut", get_args(CutReason)),
        ("fault", get_args(InvalidReason)),
        ("fault.do", get_args(InvalidReason)),
        ("picture", (*get_args(InvalidReason), *get_args(RejectReason))),
        ("pruned", get_args(DiskPruned.model_fields["rule"].annotation)),
        ("status", get_args(ChannelStatus)),
        ("process_status", get_args(ProcessStatus)),
        ("disk_state", get_args(DiskState)),
        ("kind", tuple(EVENTS)),
    ],
)
def test_every_code_has_its_words(group, codes):
    """Nobody reads a code without words."""
    assert [code for code in codes if f"{group}.{code}" not in TEXTS["en"]] == []


def test_reasons_of_errors_are_those_of_events():
    """The words for one are the words for the other."""
    assert set(get_args(ErrorReason)) <= set(get_args(StopReason))


def test_code_of_a_newer_release_reads_as_plain_letters():
    """Better a plain word than none."""
    assert Words("en").of_code("why", "on_fire_again") == "on fire again"


def test_what_is_filled_in_is_no_pattern():
    """A camera called {count} stays one."""
    assert Words("en")("channel.recording", names="{count} {0.__class__}") == "{count} {0.__class__} is recording."


@pytest.mark.parametrize(
    ("asked", "kept", "accepted", "language"),
    [
        (None, None, None, "en"),
        (None, None, "id-ID,id;q=0.9,en;q=0.8", "id"),
        (None, None, "fr, en;q=0.5, in;q=0.9", "id"),
        (None, None, "id;q=0, en;q=0.1", "en"),
        (None, None, "id;q=much,;;,,", "en"),
        (None, "id", "en", "id"),
        ("en", "id", "id", "en"),
        ("klingon", None, "id", "id"),
    ],
)
def test_language_is_what_was_asked_for_then_kept_then_liked(asked, kept, accepted, language):
    """The address wins over the cookie, the cookie over the browser."""
    assert choose(asked, kept, accepted) == language


def test_numbers_follow_the_language():
    """A comma in Indonesian, a point in English."""
    assert Words("en").size(30_214_144) == "30.2 MB"
    assert Words("id").size(30_214_144) == "30,2 MB"
    assert Words("id").rate(4_100_000) == "4,1 Mb/s"
    assert Words("id").duration(3 * 86_400 + 4 * 3600) == "3 hari 4 jam"
    assert Words("id").days(9.4) == "9,4 hari"
    assert Words("en").days(1) == "1 day"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (172_800, "2 days")]
)
def test_age_is_one_unit_rounded_down(seconds, words):
    """Twelve minutes are twelve until thirteen have passed."""
    assert Words("en").span(seconds) == words
