"""Log records: their form, what they hide, and a syslog collector that is away."""

import io
import json
import logging
import re
import socket

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from edge.config import LogConfig
from edge.logs import configure
from edge.logs.records import hide_secrets
from edge.logs.syslog import SyslogHandler

SECRET = "hunter2!?"


@pytest.fixture
def logged():
    """Return a function that sets logging up and one that gives what was written."""
    stream = io.StringIO()
    closers = []

    def start(**settings):
        closers.append(configure(LogConfig(**settings), "recorder", stream=stream))
        return stream.getvalue

    yield start
    for close in reversed(closers):
        close()


def test_record_off_a_terminal_is_one_json_object_a_line(logged):
    """Fields stay fields, and time, level and process are added."""
    written = logged()
    structlog.get_logger().info("camera back", channel="lobby", away_s=3.5)
    record = json.loads(written())
    assert re.fullmatch(r"20..-..-..T.*Z", record.pop("time"))
    assert record == {"event": "camera back", "channel": "lobby", "away_s": 3.5, "level": "info", "process": "recorder"}


def test_library_record_goes_the_same_way(logged):
    """What paho or asyncio say through the standard library has the same form, with the logger's name."""
    written = logged()
    logging.getLogger("paho").warning("lost %s", "rtsp://edge:hunter2!?@10.0.0.1/x")
    record = json.loads(written())
    assert (record["event"], record["logger"], record["level"]) == (
        "lost rtsp://edge:***@10.0.0.1/x",
        "paho",
        "warning",
    )


def test_text_format_is_readable_and_without_colours_off_a_terminal(logged):
    """People get words, files get no escape codes."""
    written = logged(format="text")
    structlog.get_logger().warning("camera gone", channel="lobby")
    assert "camera gone" in written()
    assert "channel=lobby" in written()
    assert "\x1b" not in written()


def test_record_below_the_level_is_not_written(logged):
    """Level warning keeps info out, ours and libraries'."""
    written = logged(level="warning")
    structlog.get_logger().info("quiet")
    logging.getLogger("paho").info("quiet")
    assert written() == ""


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_secret_in_any_part_of_a_record_is_hidden(logged, log_format):
    """URL, key, nested value, header and exception text lose their passwords."""
    written = logged(format=log_format)
    log = structlog.get_logger()
    address = f"rtsp://edge:{SECRET}@10.0.0.1/main"
    log.info("opening %s", address)
    log.info("login", password=SECRET, broker={"token": SECRET, "hosts": [f"mqtt://a:{SECRET}@b"]})
    log.info("sent Authorization: Basic %s\r\n", SECRET)
    log.info("query", url=f"http://cam/x?user=a&password={SECRET}&channel=1")
    try:
        int(address)
    except ValueError as error:
        log.exception("failed", error=error)
        logging.getLogger("asyncio").exception("failed too")
    assert SECRET not in written()
    assert "Traceback" in written()
    assert "channel=1" in written()


@given(st.text(st.characters(blacklist_categories=("Z", "C")), min_size=1))
def test_password_of_any_characters_is_hidden(password):
    """Whatever stands between the colon and the last @ is gone."""
    record = hide_secrets(None, "info", {"event": f"opening rtsp://edge:{password}@10.0.0.1/main now"})
    assert record["event"] == "opening rtsp://edge:***@10.0.0.1/main now"


def test_path_of_a_secret_file_is_shown():
    """A `*_file` key names a file, which a technician has to find."""
    assert hide_secrets(None, "info", {"password_file": "/etc/x"}) == {"password_file": "/etc/x"}


def test_record_reaches_a_syslog_collector_over_udp(logged):
    """One RFC 5424 message with the record as JSON."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
        collector.bind(("127.0.0.1", 0))
        collector.settimeout(5)
        logged(syslog=f"udp://127.0.0.1:{collector.getsockname()[1]}")
        structlog.get_logger().error("disk full", free_bytes=0)
        message = collector.recv(9000).decode()
    found = re.fullmatch(r"<27>1 20\S+Z \S+ edge-recorder \d+ - - (\{.*\})", message)
    assert found
    assert json.loads(found[1])["event"] == "disk full"


def test_record_reaches_a_syslog_collector_over_tcp_with_its_length(logged):
    """RFC 6587: the length stands in front."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        logged(syslog=f"tcp://127.0.0.1:{server.getsockname()[1]}")
        structlog.get_logger().info("hello")
        connection, _ = server.accept()
        with connection:
            connection.settimeout(5)
            length, _, rest = connection.recv(9000).partition(b" ")
    assert int(length) == len(rest)


def test_record_reaches_a_local_syslog_socket(logged, tmp_path):
    """unix:// sends datagrams to the collector's socket."""
    path = str(tmp_path / "log")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as collector:
        collector.bind(path)
        collector.settimeout(5)
        logged(syslog=f"unix://{path}")
        structlog.get_logger().info("hello")
        assert collector.recv(9000).startswith(b"<30>1 ")


def test_collector_that_is_away_costs_records_and_nothing_else(logged, tmp_path):
    """The queue is bounded: more records than it holds are dropped and counted, and the caller never waits."""
    written = logged(syslog=f"unix://{tmp_path}/nobody")
    handler = next(handler for handler in logging.getLogger().handlers if isinstance(handler, SyslogHandler))
    for number in range(1500):
        structlog.get_logger().info("busy", number=number)
    assert handler.dropped >= 400
    assert written().count('"busy"') == 1500


def test_second_set_up_replaces_the_first(logged):
    """A record is written once, however often logging was set up."""
    logged()
    written = logged()
    structlog.get_logger().info("once")
    assert len(written().splitlines()) == 1
