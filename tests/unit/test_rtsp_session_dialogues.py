"""The written dialogues, one for each peculiarity of a make, through the state machine."""

from pathlib import Path

import pytest
from rtsp_script import FOLDER, play

DIALOGUES = sorted(FOLDER.glob("*.rtsp"))


def test_dialogues_are_there():
    """An empty folder would make the tests below pass for nothing."""
    assert len(DIALOGUES) > 20


@pytest.mark.parametrize("path", DIALOGUES, ids=lambda path: path.stem)
def test_written_dialogue_goes_as_written(path: Path):
    """Each request, each binding and each refusal is the one that the file says."""
    play(path)


@pytest.mark.parametrize("path", DIALOGUES, ids=lambda path: path.stem)
def test_transcript_of_dialogue_shows_no_secret(path: Path):
    """Neither the password nor a digest made with it is kept for diagnosis."""
    player = play(path)
    text = player.transcript.text()
    assert text.startswith("> OPTIONS rtsp://10.0.0.11")
    assert "response=" not in text
    assert "secret" not in text
    assert "hidden" not in text
