"""A wrong configuration: every problem is named with key, value and rule, and no secret is shown."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config import CameraUrl, Config, load, parse
from edge.errors import ConfigError

FOLDER = Path("/etc/saksi")
LOBBY = "channels: [{id: lobby, url: 'rtsp://10.0.0.11/main'}]\n"
SITE = "site: jkt-001\n"
GOOD = SITE + LOBBY


def errors_of(text, environ=None):
    with pytest.raises(ConfigError) as caught:
        parse(text, file="edge.yaml", folder=FOLDER, environ=environ or {})
    return str(caught.value)


CASES = {
    "empty file": ("", "edge.yaml: is empty; copy deploy/edge.example.yaml and adapt it"),
    "comments only": ("# nothing\n", "edge.yaml: is empty; copy deploy/edge.example.yaml and adapt it"),
    "list at the top": (
        "- site\n",
        "edge.yaml: must hold keys such as site and channels at its top; copy deploy/edge.example.yaml and adapt it",
    ),
    "text at the top": (
        "site",
        "edge.yaml: must hold keys such as site and channels at its top; copy deploy/edge.example.yaml and adapt it",
    ),
    "broken YAML": (
        "site: jkt-001\nbroker: {host: [\n",
        ("edge.yaml: line 3, column 1: this is not YAML (expected the node content, but found '<stream end>'); "
        "correct that line or the one above"),
    ),
    "tab as indent": (
        "broker:\n\thost: x\n",
        ("edge.yaml: line 2, column 1: this is not YAML (found character '\\t' that cannot start any token); "
        "correct that line or the one above"),
    ),
    "control character": (
        "site: \x01\n",
        "edge.yaml: the character U+0001 at position 6 is not allowed",
    ),
    "absurd escape": (
        'site: "\\UFFFFFFFF"\n',
        "edge.yaml: is not YAML: an escape or a number in it has no meaning; write it plainly",
    ),
    "key twice": (GOOD + "site: other\n", "edge.yaml: line 3, column 1: the key site stands twice; remove one of them"),
    "key twice inside": (
        "broker: {port: 1, port: 2}\n",
        "edge.yaml: line 1, column 19: the key broker.port stands twice; remove one of them",
    ),
    "alias": (
        "site: *hunter2\n",
        "edge.yaml: line 1, column 7: anchors (&) and aliases (*) are not used here; quote the text or write the value out",
    ),
    "anchor": (
        "site: &a jkt\n",
        "edge.yaml: line 1, column 7: anchors (&) and aliases (*) are not used here; quote the text or write the value out",
    ),
    "tag": (
        "site: !!python/object:os.system x\n",
        "edge.yaml: line 1, column 7: tags (!) are not used here; quote the text or remove the tag",
    ),
    "two documents": (GOOD + "---\nsite: b\n", "edge.yaml: line 3, column 1: a second document begins; keep one and remove ---"),
    "list as key": ("? [a, b]\n: c\n", "edge.yaml: line 1, column 3: a key must be plain text"),
    "very deep": (
        "a: " + "[" * 100_000,
        "edge.yaml: line 1, column 20: more than 16 levels inside each other; the example file shows the form",
    ),
    "very long number": (
        "site: " + "9" * 5000,
        "edge.yaml: line 1, column 7: a number of more than 20 digits; put it in quotes if it is text",
    ),
    "no site": (LOBBY, "edge.yaml: site: is missing; add it, e.g. site: jkt-001"),
    "no channels": (SITE, "edge.yaml: channels: is missing; add channels"),
    "empty channels": (SITE + "channels: []\n", "edge.yaml: channels: must name at least one camera, and at most 512"),
    "channels is a mapping": (SITE + "channels: {a: 1}\n", "edge.yaml: channels: must be a list; begin each entry with -"),
    "channel is a text": (SITE + "channels: [hunter2]\n", "edge.yaml: channels[0]: must hold keys of its own; the example file shows them"),
    "capital in the site": ("site: JKT\n" + LOBBY, 'edge.yaml: site "JKT": must match [a-z0-9-]{1,32}'),
    "number as site": ("site: 7\n" + LOBBY, 'edge.yaml: site "7": must be text; put it in quotes'),
    "line break in the site": ('site: "jkt\\n"\n' + LOBBY, 'edge.yaml: site "jkt\\n": must match [a-z0-9-]{1,32}'),
    "bad channel id": (
        SITE + "channels: [{id: 'Lobby!', url: 'rtsp://h/'}]\n",
        'edge.yaml: channels[0].id "Lobby!": must match [a-z0-9_-]{1,32}',
    ),
    "long channel id": (
        SITE + f"channels: [{{id: {'a' * 80}, url: 'rtsp://h/'}}]\n",
        f'edge.yaml: channels[0].id "{"a" * 57}...": must match [a-z0-9_-]{{1,32}}',
    ),
    "channel id twice": (
        SITE + "channels: [{id: a, url: 'rtsp://h/'}, {id: b, url: 'rtsp://h/'}, {id: a, url: 'rtsp://h/'}]\n",
        'edge.yaml: channels[2].id "a": must differ from channels[0].id; every camera needs its own id',
    ),
    "channel without url": (
        SITE + "channels: [{id: a}]\n",
        "edge.yaml: channels[0].url: is missing; add it, e.g. url: rtsp://edge:${LOBBY_PASSWORD}@10.0.0.11/main",
    ),
    "http camera": (
        SITE + "channels: [{id: a, url: 'http://u:hunter2@h/'}]\n",
        'edge.yaml: channels[0].url "http://***": must begin with rtsp:// or rtsps://',
    ),
    "camera without host": (
        SITE + "channels: [{id: a, url: 'rtsp://u:hunter2@/main'}]\n",
        'edge.yaml: channels[0].url "rtsp://***": must name a host: rtsp://user:password@HOST/path',
    ),
    "unknown key": (GOOD + "colour: hunter2\n", ("edge.yaml: colour: unknown key; known here: "
        "site, timezone, state_dir, broker, hq, storage, retention, validator, reporter, livestream, web, log, channels")),
    "misspelt key": (GOOD + "broker: {hots: x}\n", 'edge.yaml: broker.hots: unknown key; did you mean "host"?'),
    "password in the wrong place": (
        GOOD + "broker: {password: hunter2}\n",
        'edge.yaml: broker.password: unknown key; did you mean "password_file"?',
    ),
    "port too high": (GOOD + "broker: {port: 65536}\n", 'edge.yaml: broker.port "65536": must be a whole number from 1 to 65535'),
    "port as text": (GOOD + "broker: {port: '1883'}\n", 'edge.yaml: broker.port "1883": must be a whole number from 1 to 65535'),
    "port with a fraction": (GOOD + "broker: {port: 1883.0}\n", 'edge.yaml: broker.port "1883.0": must be a whole number from 1 to 65535'),
    "port as boolean": (GOOD + "broker: {port: true}\n", 'edge.yaml: broker.port "true": must be a whole number from 1 to 65535'),
    "host with port": (
        GOOD + "broker: {host: 'hq:1883/x'}\n",
        'edge.yaml: broker.host "hq:1883/x": must be a host name or an IP address, without port or scheme',
    ),
    "section is null": (GOOD + "broker:\n", "edge.yaml: broker: must hold keys of its own; the example file shows them"),
    "yes for a boolean": (GOOD + "livestream: {enabled: yes}\n", 'edge.yaml: livestream.enabled "yes": must be true or false'),
    "no such time zone": (
        GOOD + "timezone: Asia/Jakata\n",
        ('edge.yaml: timezone "Asia/Jakata": must be a time zone of this machine, such as Asia/Jakarta or UTC '
        "(see timedatectl list-timezones)"),
    ),
    "time zone that is a path": (
        GOOD + "timezone: ../../etc/passwd\n",
        ('edge.yaml: timezone "../../etc/passwd": must be a time zone of this machine, such as Asia/Jakarta or UTC '
        "(see timedatectl list-timezones)"),
    ),
    "time zone that is a folder": (
        GOOD + "timezone: Asia\n",
        ('edge.yaml: timezone "Asia": must be a time zone of this machine, such as Asia/Jakarta or UTC '
        "(see timedatectl list-timezones)"),
    ),
    "home in a path": (
        GOOD + "state_dir: ~/saksi\n",
        'edge.yaml: state_dir "~/saksi": must be a path that does not begin with ~; write it out, e.g. /home/edge/saksi',
    ),
    "empty path": (
        GOOD + "storage: {root: ''}\n",
        'edge.yaml: storage.root "": must be a path without line breaks or control characters',
    ),
    "NUL in a path": (
        GOOD + 'state_dir: "/a\\0b"\n',
        'edge.yaml: state_dir "/a\\x00b": must be a path without line breaks or control characters',
    ),
    "state among the recordings": (
        GOOD + "state_dir: /srv/saksi/state\n",
        "edge.yaml: storage: root must be a folder that does not hold state_dir; recordings lie alone",
    ),
    "bad size": (
        GOOD + "retention: {min_free_bytes: 5 gigs}\n",
        'edge.yaml: retention.min_free_bytes "5 gigs": must be a size such as 5GiB, 500MB or a whole number of bytes',
    ),
    "percentage of everything": (
        GOOD + "retention: {max_used_percent: 100}\n",
        'edge.yaml: retention.max_used_percent "100": must be a number from 1 to 99',
    ),
    "no number": (GOOD + "storage: {durability_s: .nan}\n", 'edge.yaml: storage.durability_s ".nan": must be a number from 0.5 to 60'),
    "age of nothing": (
        GOOD + "retention: {max_age_days: 0}\n",
        'edge.yaml: retention.max_age_days "0": must be a number above 0, at most 3650, or null',
    ),
    "open pages on the network": (
        GOOD + "web: {bind: 0.0.0.0, auth: off}\n",
        'edge.yaml: web.auth "off": must be required unless web.bind is a loopback address such as 127.0.0.1',
    ),
    "plain password as hash": (
        GOOD + "web: {users: {ann: {password_hash: hunter2}}}\n",
        ('edge.yaml: web.users.ann.password_hash "***": must be an Argon2 hash that begins with $argon2; '
        "a plain password is not kept here"),
    ),
    "user without keys": (
        GOOD + "web: {users: {ann: hunter2}}\n",
        "edge.yaml: web.users.ann: must hold keys of its own; the example file shows them",
    ),
    "unknown role": (
        GOOD + "web: {tokens: {ci: {token_file: t, role: boss}}}\n",
        'edge.yaml: web.tokens.ci.role "boss": must be admin or viewer',
    ),
    "odd token name": (
        GOOD + "web: {tokens: {'c i': {token_file: t}}}\n",
        "edge.yaml: web.tokens.c i: must have a name that matches [A-Za-z0-9_.@-]{1,64}",
    ),
    "two ports alike": (
        GOOD + "livestream: {webrtc_port: 8554}\n",
        'edge.yaml: livestream.webrtc_port "8554": must differ from livestream.rtsp_port; give each its own port',
    ),
    "unknown log format": (GOOD + "log: {format: xml}\n", 'edge.yaml: log.format "xml": must be auto, json or text'),
    "syslog without port": (
        GOOD + "log: {syslog: 'udp://collector'}\n",
        'edge.yaml: log.syslog "udp://collector": must be udp://HOST:PORT, tcp://HOST:PORT or unix:///PATH',
    ),
    "password in the report address": (
        GOOD + "reporter: {http: {url: 'https://u:hunter2@hq/'}}\n",
        'edge.yaml: reporter.http.url "https://***": must hold no user name or password; use token_file',
    ),
    "short fingerprint": (
        SITE + "channels: [{id: a, url: 'rtsps://h/', tls: {fingerprint: 'ab:cd'}}]\n",
        ('edge.yaml: channels[0].tls.fingerprint "ab:cd": must be the SHA-256 of the camera\'s certificate: '
        "64 hexadecimal digits, colons allowed"),
    ),
    "variable not set": (
        SITE + "channels: [{id: a, url: 'rtsp://edge:${LOBBY}@10.0.0.11/main'}]\n",
        ('edge.yaml: channels[0].url "rtsp://edge:***@10.0.0.11/main": the environment variable LOBBY is not set; '
        "set it, or write $${ for a plain ${"),
    ),
    "variable without a name": (
        GOOD + "timezone: ${}\n",
        'edge.yaml: timezone "${}": ${...} must hold the name of an environment variable; write $${ for a plain ${',
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_wrong_file_is_refused_with_key_value_and_rule(name):
    """One wrong thing gives one sentence."""
    text, message = CASES[name]
    assert errors_of(text) == message


def test_many_wrong_things_are_all_listed():
    """A technician corrects a file once, not once a problem."""
    text = (
        "site: J\nchannels: [{id: a, url: 'rtsp://h/'}, {id: a, url: x}]\nbroker: {port: 0}\ntimezone: ${TZ}\nfoo: 1\n"
    )
    assert [line.split(": ", 2)[1].split(" ")[0] for line in errors_of(text).splitlines()] == [
        "timezone", "channels[1].id", "site", "broker.port", "channels[1].url", "foo",
    ]  # fmt: skip


def test_value_from_a_variable_is_shown_as_it_was_written():
    """What a variable holds may be a secret wherever it is used."""
    assert errors_of(GOOD + "log: {level: '${X}'}", {"X": "hunter2"}) == (
        'edge.yaml: log.level "${X}": must be debug, info, warning or error'
    )


def test_missing_file_names_the_next_step(tmp_path):
    """No file: say what to copy."""
    with pytest.raises(ConfigError, match=r"edge\.yaml: there is no such file; copy deploy/edge\.example\.yaml"):
        load(tmp_path / "edge.yaml", {})


def test_folder_in_place_of_the_file_is_named(tmp_path):
    """A folder is no configuration."""
    with pytest.raises(ConfigError, match="is a folder; name the configuration file in it"):
        load(tmp_path, {})


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"site: \xff", "is not UTF-8 text"), (b"#" * (2**20 + 1), "is larger than 1 MiB"), (b"\xef\xbb\xbf", "is empty")],
)
def test_file_that_is_no_text_is_refused(tmp_path, data, message):
    """Latin-1, a video by mistake, and a file of nothing but a byte order mark."""
    path = tmp_path / "edge.yaml"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=message):
        load(path, {})


def test_impossible_file_name_is_refused():
    """A NUL in the name is the operating system's ValueError, not ours."""
    with pytest.raises(ConfigError, match="cannot be read"):
        load("edge\0.yaml", {})


def attempt(text, environ=None):
    """Return the configuration or the error, and let anything else fail the test."""
    try:
        return parse(text, file="edge.yaml", folder=FOLDER, environ=environ or {})
    except ConfigError as error:
        return error


@given(st.text())
@settings(max_examples=300)
def test_any_text_gives_a_configuration_or_its_error(text):
    """Nothing but ConfigError comes out."""
    assert attempt(text)


@given(st.text(alphabet="ab:{}[]'\"\\-?|>&*!%@`#,~ \n\t0123.eExU${}/"))
@settings(max_examples=500)
def test_any_yaml_like_text_gives_a_configuration_or_its_error(text):
    """Neither do the characters that mean something to YAML."""
    assert attempt(text)
    assert attempt(GOOD + text)


KEYS = st.sampled_from(
    [
        *Config.model_fields,
        "id",
        "url",
        "users",
        "tokens",
        "http",
        "tls",
        "port",
        "auth",
        "bind",
        "root",
        "min_free_bytes",
        "x",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, VALUES))
@settings(max_examples=300)
def test_any_tree_of_values_gives_a_configuration_or_its_error(values):
    """Values of every kind in every place."""
    assert attempt(yaml.safe_dump(values))


SECRET = "hunter2"
PLACES = [
    "channels: [{{id: a, url: {0}}}]",
    "channels: [{{id: a, url: 'rtsp://u:{0}@10.0.0.1/x', sub_url: 'rtsp://u:{0}@'}}]",
    "channels: [{{id: a, url: 'rtsp://u:x{0}/y@10.0.0.1/x', name: 7}}]",
    "channels: [{{id: a, url: 'rtsp://u:x@{0}/y@cam/x', name: 7}}]",
    "channels: [{{id: a, url: 'rtsp://10.0.0.1/user=u&password={0}&channel=1', id: 7}}]",
    "channels: ['rtsp://u:{0}@h/']",
    "channels: {0}",
    "web: {{users: {{ann: {0}}}}}",
    "web: {{users: {{ann: {{password: {0}}}}}}}",
    "web: {{users: {{ann: {{password_hash: {0}, role: x}}}}}}",
    "web: {{users: {0}}}",
    "web: {{tokens: {{ci: {0}}}}}",
    "broker: {{password: {0}}}",
    "broker: {0}",
    "log: {{syslog: 'tcp://u:{0}@h'}}",
    "web: {{users: {{ann: {{password_hash: *{0}}}}}}}",
    "web: {{users: {{ann: {{password_hash: !{0} x}}}}}}",
    "web: {{users: {{ann: {{password_hash: '{0}}}}}}}",
]


@given(st.sampled_from(PLACES), st.text("ab@/:#?%&", max_size=3), st.text("ab@/:#?%&", max_size=3), st.booleans())
@settings(max_examples=400)
def test_secret_never_stands_in_an_error_or_in_the_configuration_shown(place, before, after, from_variable):
    """Wherever a password was put, right or wrong, neither message nor repr nor JSON shows it."""
    secret = f"{before}{SECRET}{after}"
    shown = place.format("${PW}" if from_variable else secret)
    for text in (shown, SITE + shown, SITE + shown.replace("name: 7", "name: x")):
        result = attempt(text, {"PW": secret})
        assert SECRET not in f"{result} {result!r}"
        if isinstance(result, Config):
            assert SECRET not in result.model_dump_json()
        else:
            assert result.__cause__ is None or SECRET not in str(result.__cause__)


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1), st.text("ab/?=&.1", max_size=8))
def test_password_from_a_variable_reaches_the_camera_as_it_is(password, path):
    """No character of it is taken for a part of the address."""
    text = SITE + "channels: [{id: a, url: 'rtsp://edge:${PW}@10.0.0.11/" + path + "'}]"
    url = parse(text, file="edge.yaml", folder=FOLDER, environ={"PW": password}).channels[0].url
    assert (url.username, url.password, url.host, url.path) == ("edge", password, "10.0.0.11", f"/{path}")
    assert CameraUrl.parse(url.reveal()) == url
