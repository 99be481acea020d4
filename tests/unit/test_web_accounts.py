"""Accounts, guesses and `edge password`."""

import io
import re
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from edge.config.load import parse
from edge.config.serving import WebConfig
from edge.errors import ConfigError
from edge.web.accounts import Accounts, Visitor
from edge.web.attempts import Attempts
from edge.web.password import run as password_command

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
S = 1_000_000_000


def accounts(tmp_path: Path, **users: str) -> Accounts:
    token_file = tmp_path / "token"
    token_file.write_text("a-token-of-a-program\n")
    return Accounts(
        WebConfig.model_validate(
            {
                "users": {name: {"password_hash": CHEAP.hash(password), "role": "admin"} for name, password in users.items()},
                "tokens": {"prometheus": {"token_file": token_file, "role": "viewer"}},
            }
        )
    )


@pytest.mark.parametrize(
    ("name", "password", "visitor"),
    [
        pytest.param("budi", "correct horse", Visitor("budi", "admin"), id="right"),
        pytest.param("budi", "wrong horse", None, id="wrong-password"),
        pytest.param("ani", "correct horse", None, id="unknown-name"),
        pytest.param("", "", None, id="nothing"),
        pytest.param("budi", "x" * 5000, None, id="far-too-long"),
        pytest.param("budi", "\udc80", None, id="no-text"),
    ],
)
def test_only_name_and_password_of_the_configuration_are_let_in(tmp_path, name, password, visitor):
    """A login needs a name of the configuration and its password."""
    assert visitor == accounts(tmp_path, budi="correct horse").by_password(name, password)


def test_unknown_name_costs_a_hash_too(tmp_path, monkeypatch):
    """Who guesses names cannot tell from the time which ones exist."""
    looked_at = []
    verify = PasswordHasher.verify
    monkeypatch.setattr(PasswordHasher, "verify", lambda *args: looked_at.append(args[1][:30]) or verify(*args))
    known = accounts(tmp_path, budi="correct horse")
    known.by_password("budi", "wrong")
    known.by_password("nobody", "wrong")
    parameters = {re.sub(r"\$[^$]*$", "", one) for one in looked_at}
    assert len(looked_at) == 2
    assert len(parameters) == 1


def test_token_is_known_and_others_are_not(tmp_path):
    """A program is known by its token alone."""
    known = accounts(tmp_path, budi="correct horse")
    assert Visitor("prometheus", "viewer") == known.by_token("a-token-of-a-program")
    assert known.by_token("a-token-of-a-progra") is None
    assert known.by_token("") is None


def test_token_file_that_is_missing_is_named(tmp_path):
    """A token that cannot be read is an error of the configuration, with its key."""
    config = WebConfig.model_validate({"tokens": {"prometheus": {"token_file": tmp_path / "none"}}})
    with pytest.raises(ConfigError, match=r"web\.tokens\.prometheus\.token_file"):
        Accounts(config)


def test_session_ends_when_the_password_changes(tmp_path):
    """The mark of a session is that of the password that it was begun with."""
    before = accounts(tmp_path, budi="correct horse")
    after = accounts(tmp_path, budi="battery staple")
    assert before.by_name("budi", before.mark("budi")) is not None
    assert after.by_name("budi", before.mark("budi")) is None
    assert after.by_name("ani", before.mark("budi")) is None


def test_waits_grow_with_failures_and_are_forgotten():
    """Three tries are free, then waits double up to their limit; a quarter of an hour later all is forgotten."""
    attempts, now = Attempts(), 0
    waits = []
    for _ in range(14):
        waits.append(attempts.wait_s("10.0.0.9", "budi", now))
        attempts.failed("10.0.0.9", "budi", now)
    assert waits[:7] == [0, 0, 0, 1, 2, 4, 8]
    assert waits[-1] == 300
    assert attempts.wait_s("10.0.0.9", "other", now + 10 * S) == 290
    assert attempts.wait_s("10.0.0.10", "budi", now) == 30
    assert attempts.wait_s("10.0.0.9", "budi", now + 301 * S) == 0
    attempts.failed("10.0.0.9", "budi", now + 2000 * S)
    assert attempts.wait_s("10.0.0.9", "budi", now + 2000 * S) == 0


def test_success_forgets_failures_and_spares_the_name_at_home():
    """A stranger's guesses at a name do not keep out who logged in from another address before."""
    attempts = Attempts()
    attempts.failed("10.0.0.1", "budi", 0)
    attempts.succeeded("10.0.0.1", "budi")
    for _ in range(10):
        attempts.failed("10.0.0.66", "budi", 0)
    assert attempts.wait_s("10.0.0.1", "budi", 0) == 0
    assert attempts.wait_s("10.0.0.2", "budi", 0) == 30


def test_address_of_ipv6_is_its_network():
    """A guesser with a /64 of addresses is one guesser."""
    attempts = Attempts()
    for number in range(5):
        attempts.failed(f"2001:db8:0:1::{number}", f"name{number}", 0)
    assert attempts.wait_s("2001:db8:0:1::ffff", "budi", 0) > 0
    assert attempts.wait_s("2001:db8:0:2::ffff", "budi", 0) == 0


@given(st.lists(st.tuples(st.ip_addresses().map(str), st.text(max_size=5)), max_size=200))
def test_wait_is_never_negative_and_never_above_its_limit(tries):
    """Whatever is tried, a wait is between nothing and five minutes."""
    attempts = Attempts()
    for number, (address, name) in enumerate(tries):
        attempts.failed(address, name, number)
        assert 0 <= attempts.wait_s(address, name, number) <= 300


def test_password_command_prints_a_line_that_the_configuration_takes(tmp_path):
    """The printed line goes into edge.yaml as it is, and lets the password in."""
    out = io.StringIO()
    assert password_command(out, io.StringIO("a long sentence\n")) == 0
    text = f"site: a\nchannels: [{{id: lobby, name: Lobby, url: 'rtsp://h/p'}}]\nweb:\n  users:\n    budi:\n      {out.getvalue()}"
    config = parse(text, file="edge.yaml", folder=tmp_path, environ={})
    assert Visitor("budi", "viewer") == Accounts(config.web).by_password("budi", "a long sentence")


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_password_typed_twice_differently_is_refused():
    """Nothing is printed when the two passwords differ."""
    answers = iter(["a long sentence", "a long sentense"])
    out = io.StringIO()
    with pytest.raises(ConfigError, match="same both times"):
        password_command(out, _Terminal(), lambda _: next(answers))
    assert out.getvalue() == ""


def test_short_password_is_refused():
    """A password has at least eight characters."""
    with pytest.raises(ConfigError, match="at least 8"):
        password_command(io.StringIO(), io.StringIO("short\n"))
