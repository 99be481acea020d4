"""The pictures that the validator kept, over HTTP: behind the login, by their exact names, never what lies beside them."""

import http.client
import os
import re

import httpx
import pytest
from web_site import TOKEN, accounts, running_site

from edge.clock import rfc3339
from edge.events.catalog import ChannelInvalid, ChannelValid
from edge.recordings.picture import PICTURES, PictureName
from edge.validator.evidence import Evidence
from edge.web.kept_pictures import MOST_BYTES

JPEG = b"\xff\xd8\xff\xe0 a picture of a fault \xff\xd9"
WELL = b"\xff\xd8\xff\xe0 how it looks when it is well \xff\xd9"
TAKEN = 1_795_417_351_000
SECRET = b"not for anybody"


@pytest.fixture
def site(tmp_path):
    """A site with accounts; cam0 has a picture of a fault and a reference, and secrets lie all around."""
    with running_site(tmp_path, web=accounts()) as site:
        evidence = Evidence(tmp_path / "state" / PICTURES)
        evidence.folder.mkdir()
        evidence.keep("cam0", TAKEN, JPEG)
        evidence.keep_reference("cam0", WELL)
        (evidence.folder / "secret.jpg").write_bytes(SECRET)
        (tmp_path / "state" / "secret.jpg").write_bytes(SECRET)
        site.pictures = evidence.folder
        yield site


@pytest.fixture
def client(site):
    with site.client(headers={"authorization": f"Bearer {TOKEN}"}) as client:
        yield client


NAME = PictureName("cam0", TAKEN)
EVIDENCE = f"/channels/cam0/evidence/{NAME.file}"
REFERENCE = "/channels/cam0/reference.jpg"


@pytest.mark.parametrize(("path", "body", "cache"), [
    (EVIDENCE, JPEG, "private, max-age=86400, immutable"),
    (REFERENCE, WELL, "private, no-cache"),
])  # fmt: skip
def test_picture_is_served_as_nothing_but_a_picture(client, path, body, cache):
    """Whole, as image/jpeg that nobody guesses about, for the browser that asked alone."""
    answer = client.get(path)
    assert (answer.status_code, answer.content) == (200, body)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == cache
    assert "content-encoding" not in answer.headers
    again = client.get(path, headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.head(path).headers["content-length"] == str(len(body))


@pytest.mark.parametrize("path", [EVIDENCE, REFERENCE, "/channels/cam9/reference.jpg"])
def test_strangers_see_no_picture(site, path):
    """Nor learn which there are; a browser is led to the login."""
    with site.client() as stranger:
        assert stranger.get(path).status_code == 401
        led = stranger.get(path, headers={"accept": "text/html"})
        assert (led.status_code, led.headers["location"]) == (303, f"/login?next={path}")


@pytest.mark.parametrize(
    "path",
    [
        "/channels/cam0/evidence/../reference.jpg", "/channels/cam0/evidence/../../secret.jpg",
        "/channels/cam0/evidence/..%2F..%2Fsecret.jpg", "/channels/cam0/evidence/%2e%2e%2fsecret.jpg",
        "/channels/cam0/evidence/..%5C..%5Csecret.jpg", "/channels/cam0/evidence/..", "/channels/cam0/evidence/",
        "/channels/cam0/evidence/reference.jpg", "/channels/cam0/evidence/%2Fetc%2Fpasswd",
        f"/channels/cam0/evidence/2026-11-23%2F{NAME.file}", f"/channels/cam0/evidence/{NAME.file}%00",
        f"/channels/cam0/evidence/{NAME.file}%0A", f"/channels/cam0/evidence/{NAME.file}/", f"{EVIDENCE}.new",
        f"/channels/cam1/evidence/{NAME.file}", f"/channels/cam9/evidence/{NAME.file}",
        f"/channels/../evidence/{NAME.file}", f"/channels/%2e%2e/evidence/{NAME.file}",
        "/channels/../reference.jpg", "/channels/%2e%2e/reference.jpg", "/channels/cam0%2F..%2Fcam0/reference.jpg",
        "/channels/cam9/reference.jpg", "/channels/cam1/reference.jpg", "/channels/./reference.jpg",
        f"/channels/cam0/evidence/{'a' * 5000}.jpg",
    ],
)  # fmt: skip
def test_other_names_lead_nowhere(site, path):
    """Sent as they stand, which browsers and clients would tidy."""
    connection = http.client.HTTPConnection("127.0.0.1", site.server.port, timeout=30)
    connection.request("GET", path, headers={"authorization": f"Bearer {TOKEN}"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if path == f"/channels/cam0/evidence/{NAME.file}/":  # the same address to the router
        assert (answer.status, body) in {(200, JPEG), (404, body)}
        return
    assert answer.status == 404, body
    assert SECRET not in body
    assert JPEG not in body
    assert WELL not in body


def test_links_are_not_followed(site, client, tmp_path):
    """Neither as a picture, nor as a day, nor as a channel."""
    outside = tmp_path / "outside"
    outside.mkdir()
    file, day = PictureName("cam0", TAKEN + 1), PictureName("cam0", TAKEN + 86_400_000)
    (outside / day.file).write_bytes(SECRET)
    (outside / "reference.jpg").write_bytes(SECRET)
    (site.pictures / file.path).symlink_to(site.pictures / "secret.jpg")
    (site.pictures / day.path).parent.symlink_to(outside)
    (site.pictures / "cam1").symlink_to(outside)
    (site.pictures / "cam0" / "reference.jpg").unlink()
    (site.pictures / "cam0" / "reference.jpg").symlink_to(outside / "reference.jpg")
    for path in (*(f"/channels/cam0/evidence/{one.file}" for one in (file, day)), REFERENCE, "/channels/cam1/reference.jpg"):
        assert client.get(path).status_code == 404


def test_what_is_no_picture_is_not_read(site, client):
    """A pipe that nobody writes to holds up nothing; a file without bytes or with far too many is none."""
    pipe, folder, huge, empty = (PictureName("cam0", TAKEN + number) for number in range(2, 6))
    os.mkfifo(site.pictures / pipe.path)
    (site.pictures / folder.path).mkdir()
    with (site.pictures / huge.path).open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    (site.pictures / empty.path).touch()
    for one in (pipe, folder, huge, empty):
        assert client.get(f"/channels/cam0/evidence/{one.file}").status_code == 404


def test_page_shows_verdicts_with_their_pictures(site, client):
    """From the journal to the page, in both languages; every picture on it can be had. A channel without any shows none."""
    since = rfc3339(TAKEN * 1_000_000)
    example = dict(ChannelInvalid.example) | {"since": since, "picture": NAME.path}
    site.say((ChannelInvalid.model_validate(example), "cam0"), process="validator", at_ms=TAKEN + 30_000)
    site.say((ChannelValid(was="black", invalid_for_s=300.0), "cam0"), process="validator", at_ms=TAKEN + 330_000)
    for language, reason in (("en", "Black"), ("id", "Hitam")):
        page = client.get("/channels/cam0", params={"lang": language}, headers={"accept": "text/html"})
        section = re.search(r'<section class="panel" id="judged".*?</section>', page.text, re.DOTALL)[0]
        assert f"<b>{reason}</b>" in section
        images = re.findall(r'<img src="([^"]+)"', section)
        assert [httpx.URL(one).path for one in images] == [REFERENCE, EVIDENCE]
        assert [client.get(one).content for one in images] == [WELL, JPEG]
    other = client.get("/channels/cam1", headers={"accept": "text/html"}).text
    assert 'id="judged"' not in other
