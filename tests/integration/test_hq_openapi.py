"""Requests that schemathesis makes up from headquarters' OpenAPI document: answers keep to it, none is a server's error."""

import subprocess
import sys
from pathlib import Path

from hq_running import ACCOUNTS, running_hq
from web_site import TOKEN, recording, segment, started

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
# A range may be right in every part and still be longer than 62 days: that the schema cannot say.
NOT_CHECKED = "positive_data_acceptance"
STREAMS = r"/stream$"


def test_answers_keep_to_the_document_whatever_is_asked(tmp_path):
    """Right and wrong requests to every address, of a site that there is, with and without a token."""
    (tmp_path / "tokens").mkdir()
    (tmp_path / "tokens" / "jkt-001").write_text("a-site's-token")
    (tmp_path / "schemathesis.toml").write_text('[parameters]\n"path.site_id" = "jkt-001"\n')
    with running_hq(tmp_path, web=ACCOUNTS, more="reports: {tokens_dir: tokens}") as hq:
        start_ms = hq.now_ms() // 60_000 * 60_000 - 3_600_000
        for site in ("jkt-001", "sby-002"):
            hq.say(site, (started(), None), *(recording(f"cam{number}") for number in range(4)))
            for number in range(4):
                hq.say(site, *(segment(f"cam{number}", start_ms + 60_000 * minute) for minute in range(60)))
            hq.beat(site, "recorder", "retention", "web")
        hq.refresh()
        done = subprocess.run(
            [
                *(SCHEMATHESIS, "run", f"{hq.url}/schema/openapi.json", "--header", f"Authorization: Bearer {TOKEN}"),
                *("--checks", "all", "--exclude-checks", NOT_CHECKED, "--exclude-path-regex", STREAMS),
                *("--phases", "coverage,fuzzing", "--max-examples", "10", "--seed", "1", "--warnings", "off", "--continue-on-failure", "--no-color"),
            ],
            cwd=tmp_path,
            check=False,
            capture_output=True,
            text=True,
            timeout=110,
        )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
