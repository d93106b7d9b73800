"""Where the bench runs, and how much of the processors others took meanwhile."""

from __future__ import annotations

import os
import platform
import resource
from contextlib import suppress
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def describe() -> dict[str, str]:
    """The machine, in the words of its system."""
    found = {"system": platform.platform(), "python": platform.python_version(), "cores": str(os.cpu_count() or "?")}
    with suppress(OSError):
        cpus = Path("/proc/cpuinfo").read_text()
        found["processor"] = next(line.split(":", 1)[1].strip() for line in cpus.splitlines() if "model name" in line)
    with suppress(OSError, ValueError):
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        found["memory"] = f"{pages / 2**30:.0f} GiB"
    return found


class Processors:
    """What the server took of the processors, and what went to neither it, nor the loads, nor the bench itself."""

    def __init__(self, postmaster: int | None) -> None:
        self._postmaster = postmaster
        self._before = self._now()

    def server_seconds(self) -> float | None:
        """Processor time that the server has taken since it was started; None where the system does not tell."""
        try:
            return self._server()
        except OSError:
            return None

    def others_share(self) -> float | None:
        """Of all cores since the last call, stolen time included; None where the system does not tell."""
        before, self._before = self._before, self._now()
        if before is None or self._before is None:
            return None
        capacity, used, ours = (now - then for now, then in zip(self._before, before, strict=True))
        return max(used - ours, 0.0) / capacity if capacity else None

    def _now(self) -> tuple[float, float, float] | None:
        """Seconds that the cores had, that were used of them, and that we used."""
        try:
            user, nice, system, idle, waiting, irq, softirq, steal, *_ = (
                int(field) / TICKS for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:]
            )
            used = user + nice + system + irq + softirq + steal
            return used + idle + waiting, used, self._server() + _loads()
        except (OSError, ValueError):
            return None

    def _server(self) -> float:
        """Of the postmaster, of its children that ended, and of those that live."""
        if self._postmaster is None:
            raise OSError("the server is not a process of ours")
        total = 0.0
        for status in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError, IndexError):
                pid, rest = int(status.parent.name), status.read_text().rsplit(")", 1)[1].split()
                if pid == self._postmaster:
                    total += sum(map(int, rest[11:15])) / TICKS
                elif int(rest[1]) == self._postmaster:
                    total += sum(map(int, rest[11:13])) / TICKS
        return total


def _loads() -> float:
    """Of this process and of its children that ended."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )
