"""One folder, several machines: the second is refused; one that is gone is forgotten."""

import socket
from pathlib import Path

import filelock
import pytest

from api.jobs.runner import Runner
from api.settings import Settings


@pytest.fixture
def jobs(places: Path) -> Path:
    (places / "jobs").mkdir()
    return places / "jobs"


def test_a_folder_that_another_machine_serves_is_refused(suyuan, places: Path, jobs: Path) -> None:
    lock = jobs / "runner-0123456789ab@gis-server.lock"
    with filelock.FileLock(lock):
        code, said, err = suyuan("serve", "--port", "0", "--workspace", places)
    assert (code, said, len(err.splitlines())) == (2, "", 1)
    assert "is served by gis-server" in err
    assert "SUYUAN_DATABASE_URL" in err
    assert lock.exists()


def test_a_machine_that_is_gone_and_this_one_are_no_reason(places: Path, jobs: Path) -> None:
    (jobs / "runner-0123456789ab@gis-server.lock").touch()
    runner = Runner(Settings(workspace=places, warm_worker=False))
    assert runner.id.endswith(f"@{socket.gethostname()}")
    with filelock.FileLock(jobs / f"runner-0123456789ab@{socket.gethostname()}.lock"):
        runner.refuse_other_machines()
