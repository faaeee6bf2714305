"""The commands of the guides, run as they stand; and links that lead somewhere."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

GUIDES = (
    "docs/analyst.md",
    "docs/emergency.md",
    "docs/clerk.md",
    "docs/store.md",
    "docs/hotspots.md",
    "docs/interface.md",
)
PAGES = (
    "README.md",
    "README.zh.md",
    "docs/staff.md",
    "docs/analyst.md",
    "docs/emergency.md",
    "docs/hotspots.md",
    "docs/dependencies.md",
    "docs/interface.md",
    "docs/security.md",
    "docs/layers.md",
    "docs/store.md",
    "docs/meteorology.md",
)


@pytest.mark.parametrize("guide", GUIDES)
def test_commands_run_as_written(root: Path, tmp_path: Path, free_port: int, guide: str) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", (root / guide).read_text("utf-8"), re.DOTALL)
    assert blocks
    if "curl " in "".join(blocks) and shutil.which("curl") is None:
        pytest.skip("this machine has no curl")
    # The guide's port may be taken on this machine.
    script = "set -eu\n" + "\n".join(blocks).replace("8765", str(free_port))
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES)
def test_links_to_files_lead_somewhere(root: Path, page: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (root / page).read_text("utf-8"))
    missing = [link for link in links if not ((root / page).parent / link).exists()]
    assert missing == []


def test_every_test_that_security_names_is_there(root: Path) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (root / "docs/security.md").read_text("utf-8"))
    assert len(named) > 20
    missing = [f"{file}::{name}" for file, name in named if f"def {name}(" not in (root / file).read_text("utf-8")]
    assert missing == []
