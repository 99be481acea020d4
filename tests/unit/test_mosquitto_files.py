"""The files of both brokers: what is put in place of the committed lines, what is kept, and a damaged memory."""

import io
import json
import struct
import subprocess
from pathlib import Path

import pytest
from hq_brokers import TEMPLATES, Hq, Keys, Site
from hypothesis import given
from hypothesis import strategies as st

from edge.clock import SystemClock
from edge.errors import ConfigError
from edge.keys.brokers import write_hq_files, write_site_files
from edge.mosquitto.memory import mend, unreadable
from edge.mosquitto.passwords import password_file
from edge.mosquitto.templates import users_of, with_blanks, with_lines
from edge.up.site import PROCESSES

CLOCK = SystemClock()
HEAD = b"\x00\xb5\x00mosquitto db" + struct.pack("!II", 0, 6)
RECORDS = b"".join(struct.pack("!II", kind, length) + b"x" * length for kind, length in ((1, 16), (2, 300), (6, 40)))
SITE = "site: jkt-001\nstate_dir: state\nstorage: {root: r}\nchannels: [{id: lobby, url: 'rtsp://h/'}]\n"


def configuration(folder: Path, keys: Keys | None = None, more: str = "") -> Path:
    path = folder / "edge.yaml"
    files = {} if keys is None else {name: str(file) for name, file in keys.files("jkt-001").items()}
    path.write_text(SITE + more + (f"hq: {json.dumps(files | {'host': 'hq.example'})}\n" if files else ""))
    return path


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# -- bridge-config --------------------------------------------------------------------------------------------------------


def test_files_of_a_site_are_written_from_its_configuration(tmp_path):
    """Port, paths, users and bridge; and what to do with them is said, without a secret."""
    said, folder = io.StringIO(), tmp_path / "broker"
    path = configuration(tmp_path, Keys(tmp_path / "keys", ["jkt-001"]), "broker: {port: 1884}\n")
    assert write_site_files(path, folder, CLOCK, said) == 0
    lines = (folder / "mosquitto.conf").read_text().splitlines()
    assert "listener 1884 127.0.0.1" in lines
    assert f"acl_file {folder}/acl" in lines
    assert "persistence_location /var/lib/mosquitto/" in lines
    bridge = (folder / "conf.d" / "bridge.conf").read_text().splitlines()
    assert 'topic event/# out 1 "" cctv/jkt-001/' in bridge
    assert 'topic ack/# in 1 "" hq/jkt-001/' in bridge
    assert "address hq.example:8883" in bridge
    assert not [line for line in bridge if "@" in line and not line.startswith("#")]
    passwords = {one.read_text().strip() for one in (folder / "credentials").iterdir()}
    assert not any(password in said.getvalue() for password in passwords)
    assert f"credentials_dir: {folder}/credentials" in said.getvalue()


def test_writing_again_changes_nothing_and_keeps_what_this_machine_added(tmp_path):
    """A password that changed under a running site would lock every process out."""
    folder = tmp_path / "broker"
    path = configuration(tmp_path, Keys(tmp_path / "keys", ["jkt-001"]))
    write_site_files(path, folder, CLOCK, io.StringIO())
    before = contents(folder)
    write_site_files(path, folder, CLOCK, io.StringIO())
    assert contents(folder) == before
    with (folder / "passwords").open("a") as passwords:
        passwords.write("homeassistant:$7$101$c2FsdA==$aGFzaA==\n")
    (folder / "acl.local").write_text("user homeassistant\ntopic read homeassistant/#\n")
    (folder / "conf.d" / "own.conf").write_text("listener 1885 10.0.0.5\n")
    write_site_files(path, folder, CLOCK, io.StringIO())
    assert "homeassistant:$7$101$c2FsdA==$aGFzaA==" in (folder / "passwords").read_text().splitlines()
    assert (folder / "acl").read_text().endswith("user homeassistant\ntopic read homeassistant/#\n")
    assert (folder / "conf.d" / "own.conf").exists()
    assert not (folder / "credentials" / "homeassistant").exists()


def test_broker_elsewhere_and_foreign_certificate_are_refused_before_anything_is_written(tmp_path):
    """The mistake is named; no half set of files is left."""
    folder = tmp_path / "broker"
    with pytest.raises(ConfigError, match=r"broker\.host is 10\.0\.0\.5"):
        write_site_files(configuration(tmp_path, more="broker: {host: 10.0.0.5}\n"), folder, CLOCK, io.StringIO())
    keys = Keys(tmp_path / "keys", ["jkt-001", "jkt-002"])
    text = configuration(tmp_path, keys).read_text().replace("sites/jkt-001", "sites/jkt-002")
    (tmp_path / "edge.yaml").write_text(text)
    with pytest.raises(ConfigError, match="is that of jkt-002"):
        write_site_files(tmp_path / "edge.yaml", folder, CLOCK, io.StringIO())
    assert not folder.exists()


def test_files_of_headquarters_are_written_from_its_keys(tmp_path):
    """Two doors on their ports, certificates copied to where the broker reads them, limits as committed."""
    said, keys = io.StringIO(), Keys(tmp_path / "keys", [])
    write_hq_files(keys.folder, tmp_path / "hq", said, sites_port=9883, programs_port=2883, data=tmp_path / "data")
    lines = (tmp_path / "hq" / "mosquitto.conf").read_text().splitlines()
    for line in ("listener 2883 127.0.0.1", "listener 9883", f"keyfile {tmp_path}/hq/tls/hq.key", "require_certificate true"):
        assert line in lines
    assert "password_file: " in said.getvalue()
    with pytest.raises(ConfigError, match="edge keys hq"):
        write_hq_files(tmp_path / "nothing", tmp_path / "hq", said)


def test_committed_files_hold_the_fences_and_limits():
    """Without any of these lines one site could be another, or fill headquarters' memory."""
    hq = (TEMPLATES / "hq" / "mosquitto.conf").read_text().splitlines()
    for line in (
        *("allow_anonymous false", "per_listener_settings false", "require_certificate true", "tls_version tlsv1.2"),
        *("use_identity_as_username true", "use_username_as_clientid true"),
    ):
        assert hq.count(line) == 1, line
    for key in ("max_queued_messages", "max_queued_bytes", "max_packet_size", "memory_limit"):
        values = [int(line.split()[1]) for line in hq if line.startswith(f"{key} ")]
        assert len(values) == 1, key
        assert values[0] > 0, f"{key} 0 is no limit"
    assert "allow_anonymous false" in (TEMPLATES / "mosquitto.conf").read_text().splitlines()


def test_every_process_is_a_user_of_the_committed_access_list():
    """A process without a user would be refused by the broker of its own site."""
    assert set(PROCESSES) | {"reporter", "livestream", "debug", "operator", "bridge"} == set(users_of((TEMPLATES / "acl").read_text()))


# -- templates and passwords ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "listener 1 127.0.0.1\nlistener 2 127.0.0.1\n", "#listener 1 127.0.0.1\n", "listener 1 0.0.0.0\n"])
def test_line_that_is_not_there_exactly_once_is_refused(text):
    """A commented, doubled or changed line is no place for this machine's port."""
    with pytest.raises(ConfigError, match=r"must hold one line 'listener PORT 127\.0\.0\.1'"):
        with_lines(text, Path("x.conf"), {r"listener \d+ 127\.0\.0\.1": "listener 2 127.0.0.1"})


def test_blank_without_a_value_is_refused():
    """It would reach the broker as it stands."""
    assert with_blanks("connection @SITE@", Path("x"), {"SITE": "a"}) == "connection a"
    with pytest.raises(ConfigError, match="@OTHER@"):
        with_blanks("connection @OTHER@", Path("x"), {"SITE": "a"})


def test_hash_is_one_that_mosquitto_passwd_would_write(tmp_path):
    """Same format, lengths and iterations; the broker itself is asked in test_broker_rights.py."""
    path = tmp_path / "theirs"
    path.touch()
    subprocess.run(["mosquitto_passwd", "-b", path, "recorder", "hunter2"], check=True, timeout=20)
    theirs = path.read_text()
    assert password_file({"recorder": "hunter2"}, theirs) == theirs
    other = password_file({"recorder": "hunter3"}, theirs)
    assert [len(part) for part in other.split("$")] == [len(part) for part in theirs.split("$")]


@given(st.text(max_size=200), st.dictionaries(st.from_regex(r"[a-z]{1,9}", fullmatch=True), st.text(max_size=40)))
def test_any_password_file_is_read_and_its_users_get_their_password(before, passwords):
    """Whatever stood there; writing it once more changes nothing."""
    text = password_file(passwords, before)
    assert password_file(passwords, text) == text
    assert set(passwords) <= {line.split(":")[0] for line in text.splitlines()}


# -- the memory of a broker -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (HEAD, None),
        (HEAD + RECORDS, None),
        (b"\x00\xb5\x00mosquitto db" + struct.pack("!II", 0, 3) + b"of an old release", None),
        (b"", "no head"),
        (HEAD[:10], "no head"),
        (bytes(4096), "all zeros"),
        (b"SQLite format 3\x00 and more of it", "does not begin"),
        (HEAD + RECORDS[:-1], "ends before the record"),
        (HEAD + RECORDS + b"\x00\x00", "ends within a record"),
        (HEAD + RECORDS + bytes(4096), "no record at byte"),
        (HEAD + bytes(len(RECORDS)), "no record at byte"),
    ],
)
def test_damage_of_the_memory_is_found(data, fault):
    """As power cuts leave it: zeros, an early end, pages that never reached the disk."""
    found = unreadable(io.BytesIO(data), len(data))
    assert found is None if fault is None else fault in found


@given(st.binary(max_size=300), st.integers(0, 400))
def test_any_bytes_are_judged(data, cut):
    """No input makes it raise or loop."""
    for one in (data, (HEAD + RECORDS + data)[:cut]):
        unreadable(io.BytesIO(one), len(one))


def test_damaged_memory_is_moved_aside_and_a_sound_one_stays(tmp_path):
    """The newest damaged one is kept to be looked at; where there is none nothing happens."""
    assert mend(tmp_path) is None
    memory = tmp_path / "mosquitto.db"
    memory.write_bytes(HEAD + RECORDS)
    assert mend(tmp_path) is None
    for data in (bytes(100), bytes(200)):
        memory.write_bytes(data)
        assert "all zeros" in mend(tmp_path)
        assert (tmp_path / "mosquitto.db.unreadable").read_bytes() == data
        assert not memory.exists()


def test_helpers_write_what_the_commands_write(tmp_path):
    """The brokers of the tests are those of the field, but for ports and folders."""
    (tmp_path / "a").mkdir()
    (tmp_path / "h").mkdir()
    keys = Keys(tmp_path / "keys", ["site-a"])
    site, hq = Site(tmp_path / "a", "site-a", keys, hq_port=1), Hq(tmp_path / "h", keys)
    assert (site.folder / "acl").read_text() == (TEMPLATES / "acl").read_text()
    assert (hq.folder / "acl").read_text() == (TEMPLATES / "hq" / "acl").read_text()
    assert len(hq.configuration.read_text().splitlines()) == len((TEMPLATES / "hq" / "mosquitto.conf").read_text().splitlines()) + 1
