"""What a site's configuration becomes: programs in the order of their start, and the broker's own configuration."""

import sys
from pathlib import Path

import pytest

from edge.config import BROKER_PORT, load
from edge.errors import ConfigError
from edge.up.broker import broker_program
from edge.up.demo import control_port
from edge.up.site import site_programs

TEMPLATE = Path(__file__).parents[2] / "mosquitto" / "mosquitto.conf"
SITE = "site: jkt-001\nstate_dir: state\nbroker: {{host: {host}, port: 2883}}\nstorage: {{root: recordings}}\nchannels: [{{id: lobby, url: 'rtsp://h/'}}]\n"


def programs_of(folder: Path, host: str, template: Path | None):
    path = folder / "edge.yaml"
    path.write_text(SITE.format(host=host))
    return site_programs(load(path), path, template)


def test_site_without_a_template_uses_the_broker_that_is_configured(tmp_path):
    """Only the processes run, each with this Python, the configuration's full path and the port."""
    programs, port = programs_of(tmp_path, "127.0.0.1", None)
    assert port == 2883
    assert [program.name for program in programs] == ["recorder", "retention", "validator", "web"]
    assert programs[0].command == [sys.executable, "-m", "edge", "recorder", "--config", str(tmp_path / "edge.yaml")]
    assert programs[0].environment == {BROKER_PORT: "2883"}
    assert programs[0].reloads


def test_broker_on_another_machine_is_left_alone(tmp_path):
    """A template is for a broker on loopback; nobody starts one for another address."""
    programs, _ = programs_of(tmp_path, "10.0.0.5", TEMPLATE)
    assert [program.name for program in programs] == ["recorder", "retention", "validator", "web"]


@pytest.mark.parametrize("text", ["", "listener 1883 127.0.0.1\n", "listener 1883 0.0.0.0\npersistence_location /x/\n"])
def test_broker_template_without_its_two_lines_is_refused(text, tmp_path):
    """A template that listens elsewhere must not be started by accident."""
    template = tmp_path / "mosquitto.conf"
    template.write_text(text)
    with pytest.raises(ConfigError, match="listener PORT"):
        broker_program(template, tmp_path / "broker", 2883)


def test_broker_gets_port_and_folder_of_this_site(tmp_path):
    """Everything else of the committed configuration stays."""
    broker_program(TEMPLATE, tmp_path / "broker", 2883)
    lines = (tmp_path / "broker" / "mosquitto.conf").read_text().splitlines()
    committed = TEMPLATE.read_text().splitlines()
    assert [line for line in lines if line not in committed][:2] == [
        "listener 2883 127.0.0.1",
        f"persistence_location {tmp_path / 'broker'}/",
    ]
    assert len(lines) == len(committed) + 1  # and the user


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"control_port": "x"}'])
def test_folder_without_a_running_demo_is_named(text, tmp_path):
    """Whatever the note of the ports holds, the answer says how to start a demo."""
    if text is not None:
        (tmp_path / "cameras.json").write_text(text)
    with pytest.raises(ConfigError, match="no demo runs in"):
        control_port(tmp_path)
