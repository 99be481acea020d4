"""What a site's configuration becomes: programs in the order of their start, and the broker's own configuration."""

import json
import socket
import sys
from pathlib import Path

import pytest
from hq_brokers import Keys

from edge.config import BROKER_CREDENTIALS, BROKER_PORT, load
from edge.errors import ConfigError
from edge.up.broker import own_broker
from edge.up.demo import control_port
from edge.up.site import PROCESSES, site_programs

TEMPLATE = Path(__file__).parents[2] / "mosquitto" / "mosquitto.conf"
SITE = "site: jkt-001\nstate_dir: state\nbroker: {{host: {host}, port: 2883}}\nstorage: {{root: recordings}}\nchannels: [{{id: lobby, url: 'rtsp://h/'}}]\n"


def programs_of(folder: Path, host: str, template: Path | None):
    path = folder / "edge.yaml"
    path.write_text(SITE.format(host=host))
    return site_programs(load(path), path, template)


def test_site_without_a_template_uses_the_broker_that_is_configured(tmp_path):
    """Only the processes run, each with this Python, the configuration's full path and the port."""
    programs, broker = programs_of(tmp_path, "127.0.0.1", None)
    assert broker is None
    assert [program.name for program in programs] == list(PROCESSES)
    assert programs[0].command == [sys.executable, "-m", "edge", "recorder", "--config", str(tmp_path / "edge.yaml")]
    assert programs[0].environment == {BROKER_PORT: "2883"}
    assert programs[0].reloads


def test_broker_on_another_machine_is_left_alone(tmp_path):
    """A template is for a broker on loopback; nobody starts one for another address."""
    programs, _ = programs_of(tmp_path, "10.0.0.5", TEMPLATE)
    assert [program.name for program in programs] == list(PROCESSES)


def config_of(folder: Path, more: str = ""):
    path = folder / "edge.yaml"
    path.write_text(SITE.format(host="127.0.0.1") + more)
    return load(path)


@pytest.mark.parametrize("text", ["", "listener 1883 127.0.0.1\n", "listener 1883 0.0.0.0\npersistence_location /x/\n"])
def test_broker_template_without_its_lines_is_refused(text, tmp_path):
    """A template that listens elsewhere, or lets everybody in, must not be started by accident."""
    template = tmp_path / "mosquitto.conf"
    template.write_text(text)
    with pytest.raises(ConfigError, match="must hold one line"):
        own_broker(config_of(tmp_path), template, 2883)


def test_broker_gets_port_and_folder_of_this_site(tmp_path):
    """Everything else of the committed configuration stays, and the processes are told where it is."""
    broker = own_broker(config_of(tmp_path), TEMPLATE, 2883)
    folder = tmp_path / "state" / "broker"
    lines = (folder / "mosquitto.conf").read_text().splitlines()
    committed = TEMPLATE.read_text().splitlines()
    assert [line for line in lines if line not in committed][:-1] == [
        "listener 2883 127.0.0.1",
        f"password_file {folder}/passwords",
        f"acl_file {folder}/acl",
        f"persistence_location {folder}/",
        f"include_dir {folder}/conf.d",
    ]
    assert len(lines) == len(committed) + 1  # and the user
    assert broker.environment == {BROKER_PORT: "2883", BROKER_CREDENTIALS: str(folder / "credentials")}
    assert list((folder / "conf.d").iterdir()) == []


def test_passwords_of_the_broker_are_kept_private_and_in_no_command(tmp_path):
    """Another start finds the same passwords; nobody else on the machine can read one, nor see it in a command."""
    config = config_of(tmp_path)
    first = own_broker(config, TEMPLATE, 2883)
    folder = first.folder / "credentials"
    secrets = {path.name: path.read_text().strip() for path in folder.iterdir()}
    assert set(PROCESSES) | {"debug", "operator"} <= set(secrets)
    assert "bridge" not in secrets
    assert len(set(secrets.values())) == len(secrets)
    hashes = (first.folder / "passwords").read_bytes()
    second = own_broker(config, TEMPLATE, 2884)
    assert {path.name: path.read_text().strip() for path in folder.iterdir()} == secrets
    assert (first.folder / "passwords").read_bytes() == hashes
    for path in (*folder.iterdir(), first.folder / "passwords", first.folder / "acl", first.folder / "watch" / "mosquitto_sub"):
        assert path.stat().st_mode & 0o777 == 0o600, path
    assert folder.stat().st_mode & 0o777 == 0o700
    shown = f"{second.program.command} {second.program.environment} {second.environment} {second.watch}"
    assert not any(secret in shown for secret in secrets.values())


def test_damaged_memory_of_the_broker_is_set_aside_before_it_starts(tmp_path):
    """After a power cut the file may be all zeros, with which Mosquitto does not start."""
    broker = own_broker(config_of(tmp_path), TEMPLATE, 2883)
    memory = broker.folder / "mosquitto.db"
    memory.write_bytes(bytes(4096))
    broker.program.before(0)
    assert not memory.exists()
    assert (broker.folder / "mosquitto.db.unreadable").read_bytes() == bytes(4096)


def test_memory_that_looks_sound_is_set_aside_where_the_broker_keeps_dying_with_it(tmp_path):
    """Three starts that fail at once while nobody else has the port: the memory is what is left to blame."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        broker = own_broker(config_of(tmp_path), TEMPLATE, port)
        memory = broker.folder / "mosquitto.db"
        memory.write_bytes(b"\x00\xb5\x00mosquitto db" + bytes(4) + bytes([0, 0, 0, 6]))
        broker.program.before(5)
        assert memory.exists(), "the port was taken: the memory is not to blame"
    broker.program.before(2)
    assert memory.exists()
    broker.program.before(3)
    assert not memory.exists()


def test_bridge_is_written_and_its_keys_copied_where_the_site_names_headquarters(tmp_path):
    """The broker's own user reads copies; without the section hq the bridge is taken away again."""
    keys = Keys(tmp_path / "keys", ["jkt-001"])
    files = {name: str(path) for name, path in keys.files("jkt-001").items()}
    broker = own_broker(config_of(tmp_path, f"hq: {json.dumps({'host': 'hq.example'} | files)}\n"), TEMPLATE, 2883)
    lines = (broker.folder / "conf.d" / "bridge.conf").read_text().splitlines()
    for line in (
        *("connection jkt-001", "address hq.example:8883", "remote_clientid jkt-001"),
        *(f"bridge_keyfile {broker.folder}/tls/site.key", "notification_topic cctv/jkt-001/state/bridge"),
    ):
        assert line in lines
    assert (broker.folder / "tls" / "site.key").stat().st_mode & 0o777 == 0o600
    own_broker(config_of(tmp_path), TEMPLATE, 2883)
    assert not (broker.folder / "conf.d" / "bridge.conf").exists()


def test_certificate_of_another_site_is_refused_before_the_broker_starts(tmp_path):
    """A box made from the image of another one would speak in its name."""
    keys = Keys(tmp_path / "keys", ["jkt-002"])
    files = {name: str(path) for name, path in keys.files("jkt-002").items()}
    with pytest.raises(ConfigError, match="is that of jkt-002, this is the site jkt-001"):
        own_broker(config_of(tmp_path, f"hq: {json.dumps({'host': 'hq.example'} | files)}\n"), TEMPLATE, 2883)


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"control_port": "x"}'])
def test_folder_without_a_running_demo_is_named(text, tmp_path):
    """Whatever the note of the ports holds, the answer says how to start a demo."""
    if text is not None:
        (tmp_path / "cameras.json").write_text(text)
    with pytest.raises(ConfigError, match="no demo runs in"):
        control_port(tmp_path)
