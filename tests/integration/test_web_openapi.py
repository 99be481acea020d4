"""Requests that schemathesis makes up from the OpenAPI document: answers keep to it, and none is a server's error."""

import subprocess
import sys
from pathlib import Path

from web_site import TOKEN, accounts, recording, running_site, segment, started

from edge.bus.asking import Asking
from edge.bus.fake import FakeBroker, FakeHub
from edge.events.messages import ProtectCommand, ProtectReply

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
# A range may be right in every part and still be longer than 62 days: that the schema cannot say.
NOT_CHECKED = "positive_data_acceptance"


def asking_somebody() -> Asking:
    """A connection over which retention answers that nothing is protected."""
    hub = FakeHub()
    retention, web = FakeBroker(hub, "retention"), FakeBroker(hub, "web")

    def answer(message) -> None:
        transaction = ProtectCommand.parse(message.payload).transaction
        retention.publish("reply/retention/protect", ProtectReply(transaction=transaction, status="done").to_json())

    retention.subscribe("command/retention/protect", answer)
    retention.start()
    asking = Asking(web)
    web.start()
    return asking


def test_answers_keep_to_the_document_whatever_is_asked(tmp_path):
    """Right and wrong requests to every address, with and without a token, are answered as documented."""
    with running_site(tmp_path, web=accounts()) as site:
        site.app.site.asking = asking_somebody()
        start_ms = site.now_ms() // 60_000 * 60_000 - 3_600_000
        site.say((started(), None), *(recording(f"cam{number}") for number in range(4)))
        for number in range(4):
            site.say(*(segment(f"cam{number}", start_ms + 60_000 * minute) for minute in range(60)))
        site.beat_all()
        done = subprocess.run(
            [
                *(SCHEMATHESIS, "run", f"{site.url}/schema/openapi.json", "--header", f"Authorization: Bearer {TOKEN}"),
                *("--checks", "all", "--exclude-checks", NOT_CHECKED, "--exclude-path", "/api/events/stream"),
                *("--phases", "coverage,fuzzing", "--max-examples", "15", "--seed", "1", "--warnings", "off", "--continue-on-failure", "--no-color"),
            ],
            cwd=tmp_path,
            check=False,
            capture_output=True,
            text=True,
            timeout=100,
        )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
