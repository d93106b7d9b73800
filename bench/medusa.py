"""@medusajs/inventory as a contender: a Node program in peers/medusa, with packages from npm."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

HOME = Path(__file__).parent / "peers" / "medusa"
DRIVER = HOME / "driver.mjs"
OLDEST_NODE = 20
INSTALL_SECONDS = 300
# As in production, without debug output, and without calling home.
ENVIRONMENT = {"NODE_ENV": "production", "LOG_LEVEL": "error", "MEDUSA_DISABLE_TELEMETRY": "true"}


@cache
def missing(may_install: bool) -> str | None:
    """Why it cannot run here, or None. may_install: get the packages from npm where they are not there yet."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return "Node and npm are not installed"
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    if int(version.lstrip("v").split(".")[0] or 0) < OLDEST_NODE:
        return f"Node {version} is older than {OLDEST_NODE}"
    if (HOME / "node_modules" / "@medusajs" / "inventory").is_dir():
        return None
    if not may_install:
        return "its packages are not installed; `make bench` gets them from npm"
    command = [npm, "install", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS)
    except subprocess.TimeoutExpired:
        return f"npm did not install its packages within {INSTALL_SECONDS} s"
    return f"npm install failed: {done.stderr.strip()[:300]}" if done.returncode else None


def setup(dsn: str, skus: int) -> str | None:
    """Migrate an empty database with the module's own migrations and stock the products; return why that failed."""
    done = subprocess.run(
        [*command("setup", dsn), str(skus)],
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
        timeout=INSTALL_SECONDS,
    )
    return f"its setup failed: {done.stderr.strip()[:300]}" if done.returncode else None


def command(what: str, dsn: str) -> tuple[str, ...]:
    """The program: `setup` and how many products, or `run` and seconds, clients, products."""
    return ("node", str(DRIVER), what, dsn)
