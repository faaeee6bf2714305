"""The interface against its own description: made-up requests, no 5xx, and only answers that the description knows."""

import subprocess
import sys
from pathlib import Path

import pytest

from api.app import create_app
from api.settings import Settings
from tests.api.conftest import fill, serving

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def test_made_up_requests_meet_the_description(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("schemathesis")
    if not program.exists():
        pytest.skip("schemathesis is not installed: `make dev`")
    workspace = fill(tmp_path / "ws")
    known = tmp_path / "known.toml"
    known.write_text('[parameters]\n"path.collection_id" = "station_aqi"\n"path.process_id" = "zone-incident"\n')
    # Nobody runs the jobs that are made here, and nobody waits for them.
    app = create_app(Settings(workspace=workspace.path, sync_seconds=0, warm_worker=False))
    with serving(app, lifespan="off") as address:
        run = subprocess.run(
            [program, "--config-file", known, "run", f"{address}/openapi.json", "--url", address]
            + ["--checks", CHECKS, "--phases", "coverage,fuzzing", "--max-examples", "8", "--seed", "1"]
            + ["--exclude-path-regex", "events$", "--no-color", "--request-timeout", "60"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
