"""`edge check --pictures`: the first pictures of real connections are judged and laid out on one sheet."""

import io
import json
import socket

import av
import pytest
from demo_cameras import running_cameras

from edge.check.main import run
from edge.demo.clips import ClipSpec
from edge.demo.main import CameraSpec
from edge.errors import ConfigError

SMALL = {"width": 320, "height": 180, "fps": 10, "seconds": 7, "gop_s": 0.5, "bitrate": 400_000}


def write_config(folder, urls, broker_port):
    (folder / "recordings").mkdir()
    document = {
        "site": "jkt-001",
        "state_dir": "state",
        "storage": {"root": "recordings"},
        "broker": {"port": broker_port},
        "channels": [{"id": name, "url": url} for name, url in urls.items()],
    }
    path = folder / "edge.yaml"
    path.write_text(json.dumps(document))
    return path


@pytest.fixture
def site(tmp_path):
    """Four cameras: good ones of both codecs, one whose picture is blue, one that refuses."""
    specs = [CameraSpec(name, ClipSpec(name, **SMALL)) for name in ("lobby", "blue", "away")]
    specs.append(CameraSpec("gate", ClipSpec("gate", **(SMALL | {"codec": "h265"}))))
    with running_cameras(specs) as cameras, socket.create_server(("127.0.0.1", 0)) as broker:
        cameras.fault("blue", "clip", "no_signal")
        cameras.fault("away", "404")
        yield write_config(tmp_path, cameras.urls, broker.getsockname()[1])


def test_pictures_of_all_channels_are_judged_and_shown(site, tmp_path):
    """One PNG; a channel that can be recorded but shows no picture fails the check."""
    out, sheet = io.StringIO(), tmp_path / "sheet.png"
    assert run(site, json=True, out=out, err=io.StringIO(), pictures=sheet) == 1
    document = json.loads(out.getvalue())
    seen = {one["channel"]: one["fault"] for one in document["pictures"]}
    assert seen == {"lobby": None, "blue": "no_signal", "gate": None}
    assert all(one["looks"] >= 2 for one in document["pictures"])
    assert document["sheet"] == str(sheet)
    with av.open(str(sheet)) as image:
        (frame,) = image.decode(video=0)
    assert (frame.width, frame.height) == (2 * 328, 2 * 232)
    pixels = frame.to_ndarray(format="rgb24").astype(int)
    red, green, blue = pixels[8:188, 328:648].reshape(-1, 3).mean(axis=0)
    assert blue > 150 > max(red, green)


def test_verdict_stands_in_the_page_with_what_to_do(site, tmp_path):
    """For people: a sentence, the fault of each channel, and where the sheet lies."""
    out, sheet = io.StringIO(), tmp_path / "sheet.png"
    assert run(site, json=False, out=out, err=io.StringIO(), pictures=sheet) == 1
    text = out.getvalue()
    assert "blue: no_signal" in text
    assert "See to the cable" in " ".join(text.split())
    assert "2 of 3 good" in text


def test_without_the_option_nothing_is_decoded(site):
    """The check is as it was."""
    out = io.StringIO()
    run(site, json=True, out=out, err=io.StringIO())
    document = json.loads(out.getvalue())
    assert (document["pictures"], document["sheet"]) == (None, None)


def test_sheet_that_cannot_be_written_is_named(site, tmp_path):
    """The error names the option and the file."""
    with pytest.raises(ConfigError, match=r"--pictures .*nowhere.*cannot be written"):
        run(site, json=True, out=io.StringIO(), err=io.StringIO(), pictures=tmp_path / "nowhere" / "sheet.png")
