"""Proofs of identity: the vectors of the RFCs, what cameras write, and when a refusal is one."""

import hashlib
from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.rtsp.auth import Authenticator, Verdict, parse_challenges
from edge.rtsp.url import RtspUrl


def signed(
    challenge: str, user="Mufasa", password="Circle of Life", method="GET", uri="/dir/index.html", cnonce=""
) -> str:
    authenticator = Authenticator(user, password, cnonce=lambda: cnonce)
    assert authenticator.challenged([challenge], signed_with=None, tries=0) is Verdict.SIGN
    proof = authenticator.sign(method, uri)
    assert proof is not None
    return proof[0]


def test_rfc_7616_vector_of_md5():
    """The example of RFC 7616 section 3.9.1."""
    value = signed(
        'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"',
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )
    assert 'response="8ca523f5e9506fed4657c9700eebdbec"' in value
    assert "algorithm=MD5," in value
    assert "qop=auth, nc=00000001" in value
    assert 'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"' in value


def test_rfc_7616_vector_of_sha_256():
    """The same example with SHA-256."""
    value = signed(
        'Digest realm="http-auth@example.org", qop="auth", algorithm="SHA-256", '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"',
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )
    assert 'response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"' in value
    assert 'algorithm="SHA-256"' in value


def test_camera_without_qop_gets_the_old_form():
    """RFC 2069: no cnonce, no nc."""
    value = signed('Digest realm="IP Camera", nonce="abc"', "admin", "pw", "DESCRIBE", "rtsp://h/")
    expected = md5(f"{md5('admin:IP Camera:pw')}:abc:{md5('DESCRIBE:rtsp://h/')}")
    assert value == (f'Digest username="admin", realm="IP Camera", nonce="abc", uri="rtsp://h/", response="{expected}"')


def test_session_variant_hashes_the_nonces_in():
    """MD5-sess, which some cameras offer."""
    value = signed('Digest realm="r", nonce="n", qop="auth", algorithm=MD5-sess', "u", "p", "PLAY", "rtsp://h/", "c")
    secret = md5(f"{md5('u:r:p')}:n:c")
    assert md5(f"{secret}:n:00000001:c:auth:{md5('PLAY:rtsp://h/')}") in value


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def test_user_and_password_go_as_utf_8():
    """Names beyond Latin-1 are hashed and written as UTF-8."""
    value = signed('Basic realm="x"', "käse", "пароль")
    assert b64decode(value.removeprefix("Basic ")) == "käse:пароль".encode()
    assert 'username="' + "käse".encode().decode("latin-1") in signed('Digest realm="x", nonce="n"', "käse", "p")


@pytest.mark.parametrize(
    ("offers", "chosen"),
    [
        (['Basic realm="x"'], "Basic "),
        (['Basic realm="x"', 'Digest realm="x", nonce="n"'], "Digest "),
        (['Digest realm="x", nonce="n", Basic realm="x"'], "Digest "),
        (['Digest realm="x", nonce="n"', 'Digest realm="x", nonce="n", algorithm=SHA-256'], "SHA-256"),
        (['Digest realm="x", nonce="n", algorithm=SHA-512-256', 'Digest realm="x", nonce="n"'], "Digest "),
    ],
)
def test_strongest_offer_is_taken(offers, chosen):
    """SHA-256 before MD5 before the bare password."""
    authenticator = Authenticator("u", "p")
    assert authenticator.challenged(offers, signed_with=None, tries=0) is Verdict.SIGN
    assert chosen in (authenticator.sign("PLAY", "rtsp://h/") or ("",))[0]


def test_configuration_can_prefer_basic():
    """For cameras whose Digest is broken."""
    authenticator = Authenticator("u", "p", prefer_basic=True)
    authenticator.challenged(['Basic realm="x"', 'Digest realm="x", nonce="n"'], signed_with=None, tries=0)
    assert authenticator.sign("PLAY", "rtsp://h/") == ("Basic dTpw", "")
    assert authenticator.in_the_clear


@pytest.mark.parametrize(
    ("offer", "signed_with", "tries", "verdict"),
    [
        ('Digest realm="x", nonce="n"', None, 0, Verdict.SIGN),
        ('Digest realm="x", nonce="n"', "n", 1, Verdict.REFUSED),
        ('Digest realm="x", nonce="n", stale="TRUE"', "n", 1, Verdict.SIGN),
        ('Digest realm="x", nonce="m"', "n", 1, Verdict.SIGN),
        ('Digest realm="x", nonce="o"', "m", 2, Verdict.REFUSED),
        ('Digest realm="x", nonce="m", stale="FALSE"', "m", 1, Verdict.REFUSED),
        ('Basic realm="x"', "", 1, Verdict.REFUSED),
        ("Negotiate", None, 0, Verdict.UNKNOWN_SCHEME),
        ("", None, 0, Verdict.UNKNOWN_SCHEME),
    ],
)
def test_second_401_is_a_refusal_unless_the_nonce_was_old(offer, signed_with, tries, verdict):
    """One more try for a new nonce, and never more: accounts get locked."""
    assert Authenticator("u", "p").challenged([offer], signed_with=signed_with, tries=tries) is verdict


def test_refused_authenticator_waits_for_a_new_challenge():
    """The next connection does not begin with the proof that was refused."""
    authenticator = Authenticator("u", "p")
    offer = ['Digest realm="x", nonce="n"']
    authenticator.challenged(offer, signed_with=None, tries=0)
    assert authenticator.sign("OPTIONS", "rtsp://h/")
    authenticator.challenged(offer, signed_with="n", tries=1)
    assert authenticator.sign("OPTIONS", "rtsp://h/") is None


def test_count_rises_with_each_use_of_a_nonce_and_begins_anew():
    """`nc` is per nonce, over reconnects too."""
    authenticator = Authenticator("u", "p")

    def count() -> str:
        return (authenticator.sign("PLAY", "rtsp://h/") or ("",))[0].partition("nc=")[2][:8]

    authenticator.challenged(['Digest realm="x", nonce="n", qop="auth"'], signed_with=None, tries=0)
    assert [count(), count()] == ["00000001", "00000002"]
    authenticator.challenged(['Digest realm="x", nonce="m", qop="auth"'], signed_with="n", tries=1)
    assert count() == "00000001"


def test_password_is_in_no_representation():
    """Neither repr nor str shows it."""
    authenticator = Authenticator.for_url(RtspUrl.parse("rtsp://admin:hunter2@cam/"))
    assert "hunter2" not in f"{authenticator!r} {authenticator}"


def test_missing_user_is_said():
    """An address without a user cannot answer a 401."""
    verdict = Authenticator(None, "").challenged(['Basic realm="x"'], signed_with=None, tries=0)
    assert verdict is Verdict.NO_CREDENTIALS


@given(st.lists(st.text(st.characters(max_codepoint=255), max_size=200), max_size=3))
def test_any_challenge_is_read_or_passed_over(values):
    """The reader never raises."""
    parse_challenges(values)


@given(
    st.from_regex(
        r'(Digest|Basic) realm="[^"\x00-\x1f\x7f]*", nonce="?[a-z"\\,= ]*"?, algorithm=[A-Za-z0-9-]*', fullmatch=True
    )
)
def test_any_offer_gets_a_verdict(offer):
    """Whatever is signed fits into a header line."""
    authenticator = Authenticator("u", "p")
    if (
        authenticator.challenged([offer.encode("latin-1", "replace").decode("latin-1")], signed_with=None, tries=0)
        is Verdict.SIGN
    ):
        proof = authenticator.sign("PLAY", "rtsp://h/")
        assert proof is not None
        assert "\n" not in proof[0]
