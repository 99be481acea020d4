"""A right configuration: what is read from it, and the documents made from its models."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from edge.config import CameraUrl, load, load_hq, mask, parse, parse_hq
from edge.config.docs import (
    configuration_example,
    configuration_markdown,
    configuration_schema,
    hq_example,
    hq_schema,
)
from edge.config.values import read_size, size_text
from edge.errors import ConfigError

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "deploy" / "edge.example.yaml"
SMALLEST = "site: jkt-001\nchannels:\n  - id: lobby\n    url: rtsp://10.0.0.11/main\n"
DESIGN = """
site: jkt-001                      # the bridge's certificate name
timezone: Asia/Jakarta
state_dir: /var/lib/saksi
broker: {host: 127.0.0.1, port: 1883, username: null, password_file: null}
storage: {root: /srv/saksi, segment_s: 60, durability_s: 2}
retention: {max_used_percent: 90, min_free_bytes: 5GiB, max_age_days: null, promise_days: 30, quarantine_hours: 24}
validator: {every_s: 10, confirm: 3}
reporter: {every_s: 60, http: null}
livestream: {enabled: true, rtsp_port: 8554, webrtc_port: 8555, api_port: 1984, public_host: null}
web: {bind: 127.0.0.1, port: 8080, auth: required, users: {}, tokens: {}}
log: {level: info, format: auto, syslog: null}
channels:
  - {id: lobby, name: Lobby, url: "rtsp://edge:${LOBBY_PASSWORD}@10.0.0.11/main", sub_url: null, audio: true, enabled: true}
"""


def read(text, **environ):
    return parse(text, file="edge.yaml", folder=Path("/etc/saksi"), environ=environ)


def test_file_of_the_design_is_read():
    """Every key that the design names is there."""
    config = read(DESIGN, LOBBY_PASSWORD="p@ss/w#rd")
    assert config.retention.min_free_bytes == 5 * 2**30
    assert str(config.zone) == "Asia/Jakarta"
    assert config.channels[0].label == "Lobby"
    assert config.channels[0].url.password == "p@ss/w#rd"
    assert str(config.channels[0].url) == "rtsp://edge:***@10.0.0.11/main"


def test_design_file_holds_the_defaults():
    """Leaving a key out gives the value that the design shows."""
    full = read(DESIGN, LOBBY_PASSWORD="x").model_dump(exclude={"channels", "timezone"})
    assert full == read(SMALLEST).model_dump(exclude={"channels", "timezone"})


def test_example_file_equals_the_defaults():
    """The shipped example changes nothing but the names of site and camera."""
    example = load(EXAMPLE, {"LOBBY_PASSWORD": "x"})
    smallest = read(SMALLEST)
    assert example.model_dump(exclude={"channels"}) == smallest.model_dump(exclude={"channels"})
    assert example.channels[0].model_dump(exclude={"url"}) == smallest.channels[0].model_dump(exclude={"url"})


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("deploy/edge.example.yaml", configuration_example()),
        ("deploy/hq.example.yaml", hq_example()),
        ("schemas/hq.schema.json", hq_schema()),
        ("docs/configuration.md", configuration_markdown()),
        ("schemas/config.schema.json", configuration_schema()),
    ],
)
def test_document_is_in_step_with_the_models(path, text):
    """What is committed is what the models say; `edge schemas` writes it again."""
    assert (ROOT / path).read_text() == text


def test_example_of_headquarters_equals_the_defaults():
    """The shipped example of hq.yaml changes nothing."""
    assert load_hq(ROOT / "deploy/hq.example.yaml", {}) == parse_hq("site: hq", file="hq.yaml", folder=ROOT, environ={})


def test_schema_takes_the_example_and_refuses_what_the_models_refuse():
    """Editors that use the schema agree with the reader."""
    validator = jsonschema.Draft202012Validator(json.loads(configuration_schema()))
    example = yaml.safe_load(EXAMPLE.read_text())
    assert not list(validator.iter_errors(example))
    for wrong in ({"site": "JKT"}, {"colour": 1}, {"broker": {"port": 0}}, {"retention": {"min_free_bytes": "5 gigs"}}):
        assert list(validator.iter_errors(example | wrong))


def test_commented_shapes_in_the_example_are_valid():
    """Removing the # in front of users, tokens, http and home_assistant gives a file that is read."""
    text = EXAMPLE.read_text()
    for key in ("http: null", "home_assistant: null", "users: {}", "tokens: {}"):
        head, _, tail = text.partition(f"  {key}\n")
        lines = tail.split("\n")
        while lines and re.match(r"  # +\w+: ?", lines[0]):
            head += f"  {lines.pop(0)[4:]}\n"
        text = head + "\n".join(lines)
    config = read(text, LOBBY_PASSWORD="x")
    assert config.reporter.http is not None
    assert config.reporter.home_assistant is not None
    assert list(config.web.users) == list(config.web.tokens) == ["NAME"]


def test_relative_paths_start_at_the_folder_of_the_file(tmp_path):
    """The file and what it names can be moved together."""
    path = tmp_path / "edge.yaml"
    path.write_text(SMALLEST + "state_dir: state\nstorage: {root: ./disk/../recordings}\nbroker: {password_file: pw}\n")
    (tmp_path / "pw").write_text("hunter2\n")
    config = load(path, {})
    assert config.state_dir == tmp_path / "state"
    assert config.storage.root == tmp_path / "recordings"
    assert config.broker.login("recorder")[1]() == "hunter2"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "cannot be read"),
        (b"", "must hold the secret"),
        (b"a\nb", "one line"),
        (b"\xff", "UTF-8"),
        (b"x" * 5000, "4096"),
    ],
)
def test_secret_file_that_cannot_be_used_names_key_and_path(tmp_path, data, message):
    """The technician learns which key points where."""
    path = tmp_path / "pw"
    if data is not None:
        path.write_bytes(data)
    config = read(SMALLEST + f"broker: {{password_file: '{path}'}}\n")
    with pytest.raises(ConfigError, match=message) as caught:
        config.broker.login("recorder")[1]()
    assert str(caught.value).startswith(f'broker.password_file "{path}": ')


def test_process_logs_in_with_its_own_file_of_the_credentials_folder(tmp_path):
    """Each process is a user of its own; a file that is not there is named only when it is needed."""
    (tmp_path / "recorder").write_text("hunter2\n")
    broker = read(SMALLEST + f"broker: {{credentials_dir: '{tmp_path}'}}\n").broker
    name, password = broker.login("recorder")
    assert (name, password()) == ("recorder", "hunter2")
    name, password = broker.login("web")
    assert name == "web"
    with pytest.raises(ConfigError, match=f'broker.credentials_dir "{tmp_path}/web": cannot be read'):
        password()


@pytest.mark.parametrize(
    ("keys", "expected"),
    [("{}", (None, None)), ("{username: edge}", ("edge", None))],
    ids=["anonymous", "name alone"],
)
def test_processes_share_a_name_where_no_credentials_folder_is_set(keys, expected):
    """Without a folder every process logs in alike, or without a name."""
    name, password = read(SMALLEST + f"broker: {keys}\n").broker.login("recorder")
    assert (name, password()) == expected


def test_commands_typed_beside_a_running_site_log_in_at_its_own_broker(tmp_path):
    """`edge events` finds the passwords that `edge up --broker` made, unless the file says how to log in."""
    path, own = tmp_path / "edge.yaml", tmp_path / "state" / "broker" / "credentials"
    path.write_text(SMALLEST + "state_dir: state\n")
    assert load(path, {}).broker.credentials_dir is None
    own.mkdir(parents=True)
    assert load(path, {}).broker.credentials_dir == own
    path.write_text(SMALLEST + "state_dir: state\nbroker: {username: edge}\n")
    assert load(path, {}).broker.credentials_dir is None


def test_two_ways_to_log_in_are_refused():
    """Which of them holds must not be a guess."""
    with pytest.raises(ConfigError, match=r"broker\.credentials_dir .*: must be null beside username"):
        read(SMALLEST + "broker: {username: edge, credentials_dir: /etc/saksi}\n")


def test_supervisor_tells_port_and_credentials_whatever_is_configured():
    """`edge up --broker` runs a broker of its own, with users of its own."""
    text = SMALLEST + "broker: {port: 1884, username: edge}\n"
    broker = read(text, EDGE_BROKER_PORT="2883", EDGE_BROKER_CREDENTIALS="/run/saksi").broker
    assert (broker.port, broker.username, broker.credentials_dir) == (2883, None, Path("/run/saksi"))
    assert read(text, EDGE_BROKER_CREDENTIALS="").broker.username == "edge"


def test_link_to_headquarters_names_host_and_certificates(tmp_path):
    """What `edge bridge-config` needs stands in one section, which is empty by default."""
    assert read(SMALLEST).hq is None
    link = read(SMALLEST + "hq: {host: hq.example, ca_file: /t/ca, cert_file: /t/crt, key_file: /t/key}\n").hq
    assert (link.host, link.port, link.key_file) == ("hq.example", 8883, Path("/t/key"))


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("yes", "yes"),
        ("007", "007"),
        ("on", "on"),
        ("2026-01-01", "2026-01-01"),
        ("1e", "1e"),
        ("'7'", "7"),
        ("$${A}", "${A}"),
    ],
)
def test_plain_text_stays_the_text_that_it_looks_like(written, value):
    """No date, octal number or boolean is made of a name."""
    assert read(SMALLEST + f"    name: {written}\n").channels[0].name == value


def test_variable_without_quotes_is_read_as_if_it_stood_there():
    """A port may come from the environment."""
    assert (
        read(SMALLEST + "broker:\n  port: ${PORT}\n  host: ${HOST}\n", PORT="1884", HOST="10.0.0.1").broker.port == 1884
    )


@pytest.mark.parametrize(
    ("written", "size"),
    [("5GiB", 5 * 2**30), ("500MB", 500_000_000), ("1.5 GB", 1_500_000_000), (1024, 1024), ("0", 0), ("7B", 7)],
)
def test_size_is_read_with_or_without_unit(written, size):
    """Units of 1000 and of 1024 differ."""
    assert read_size(written) == size


@pytest.mark.parametrize("size", [0, 1, 1023, 1024, 5 * 2**30, 5 * 2**30 + 1, 2**50])
def test_size_written_is_the_size_read(size):
    """Writing loses nothing."""
    assert read_size(size_text(size)) == size


URLS = {
    "plain": ("rtsp://10.0.0.1/main", None, None, "10.0.0.1", 554, "/main"),
    "no path": ("rtsp://cam", None, None, "cam", 554, ""),
    "port and query": ("rtsp://cam.lan:8554/a?b=c@d".replace("@", "%40"), None, None, "cam.lan", 8554, "/a?b=c%40d"),
    "TLS": ("RTSPS://cam/a", None, None, "cam", 322, "/a"),
    "IPv6": ("rtsp://u:p@[fe80::1]:554/a", "u", "p", "fe80::1", 554, "/a"),
    "user alone": ("rtsp://u@cam/a", "u", None, "cam", 554, "/a"),
    "empty password": ("rtsp://u:@cam/a", "u", "", "cam", 554, "/a"),
    "encoded": ("rtsp://u%40x:p%2Fw%25@cam/a", "u@x", "p/w%", "cam", 554, "/a"),
    "at in the password": ("rtsp://u:p@ss@cam/a", "u", "p@ss", "cam", 554, "/a"),
    "hash and question mark in the password": ("rtsp://u:p#?w@cam/a", "u", "p#?w", "cam", 554, "/a"),
    "colon in the password": ("rtsp://u:p:w@cam/a", "u", "p:w", "cam", 554, "/a"),
    "percent that encodes nothing": ("rtsp://u:100%@cam/a", "u", "100%", "cam", 554, "/a"),
    "slash in the password": ("rtsp://u:p/w@cam/a", "u", "p/w", "cam", 554, "/a"),
    "at in the path of an address": ("rtsp://10.0.0.1:554/user=a&password=b@c", None, None, "10.0.0.1", 554, "/user=a&password=b@c"),
    "query without path": ("rtsp://10.0.0.1:554?line=1", None, None, "10.0.0.1", 554, "?line=1"),
}  # fmt: skip


@pytest.mark.parametrize("name", URLS)
def test_camera_address_is_taken_apart(name):
    """What people write is read, and what is revealed is read as the same."""
    text, username, password, host, port, path = URLS[name]
    url = CameraUrl.parse(text)
    assert (url.username, url.password, url.host, url.port, url.path) == (username, password, host, port, path)
    assert CameraUrl.parse(url.reveal()) == url


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://", "rtsp:///a", "rtsp://:554/a", "rtsp://cam:0/a", "rtsp://cam:65536/a", "rtsp://cam:x/a", "rtsp://c am/a", "rtsp://cam/a b",
        "rtsp://cam/a\r\nX: y", "rtsp://u:a%0d%0ab@cam/a", "cam/a", "http://cam/a", "rtsp://admin:12/3@10.0.0.1/a", "rtsp://u:p@s/w@cam/a",
        "rtsp://[::1/a", "rtsp://u:p/w@cam/a@b", "rtsp://cam/\ud800",
    ],
)  # fmt: skip
def test_camera_address_that_cannot_be_or_could_be_two_is_refused(text):
    """Nothing is guessed where a password could be taken for a host."""
    with pytest.raises(ValueError, match=r"must|cannot be told"):
        CameraUrl.parse(text)


def test_redacted_address_hides_password_and_parameters():
    """Some cameras take the password in the path or the query."""
    url = CameraUrl.parse("rtsp://u:p@10.0.0.1/user=a&password=hunter2&channel=1?pwd=hunter2&x=1")
    assert url.redacted == "rtsp://u:***@10.0.0.1/user=a&password=***&channel=1?pwd=***&x=1"
    assert repr(url) == f"CameraUrl('{url.redacted}')"


def test_text_without_secrets_is_not_masked():
    """Masking leaves ordinary sentences and addresses alone."""
    text = "channel lobby: rtsp://10.0.0.1:554/main?channel=1 ended; mail ops@example.com"
    assert mask(text) == text


def test_two_readings_of_one_file_are_equal():
    """A reload compares channels by value."""
    assert read(DESIGN, LOBBY_PASSWORD="a") == read(DESIGN, LOBBY_PASSWORD="a")
    changed = read(DESIGN, LOBBY_PASSWORD="b")
    assert read(DESIGN, LOBBY_PASSWORD="a").channels != changed.channels
    assert hash(changed.channels[0])
