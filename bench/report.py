"""What a run found, as JSON, Markdown and picture. A refused figure appears nowhere but in the list of those.

`python -m bench.report bench/results/….json` puts the core of that result into README.md.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from bench import instructions, svg
from bench.breakdown import BASELINE
from bench.contenders import Contender
from bench.goals import GOALS, Verdict, judge
from bench.history import Measure
from bench.suite import Figure, Suite

Result = dict[str, Any]
"""The JSON document. `figures` has every load of every round; everything else can be computed from it."""

GROUPS = {
    "limit": "Limits", "openstock": "openstock", "peer": "Contenders", "growth": "Growth", "breakdown": "Breakdown",
}  # fmt: skip


def result(
    *, tier: str, only: str | None, started: datetime, seconds: float, suite: Suite,
    plan: Sequence[tuple[Contender, tuple[int, ...]]], measures: Sequence[Measure],
    settings: Mapping[str, str], durable: bool,
    machine: Mapping[str, str], version: str,
) -> Result:  # fmt: skip
    """Everything there is to say about a run."""
    rounds = _rounds(suite.figures)
    values = {measure.name: measure.values for measure in measures if measure.values}
    refused = [_named(figure) for figure in suite.figures if figure.refused]
    refused += [{"figure": measure.name, "why": measure.refused} for measure in measures if measure.refused]
    return {
        "version": version, "tier": tier, "only": only, "started": started.isoformat(timespec="seconds"),
        "minutes": round(seconds / 60, 1), "machine": dict(machine), "server": dict(settings), "durable": durable,
        "rounds": suite.rounds, "others_share": suite.others_share,
        "contenders": {
            contender.name: {"title": contender.title, "group": contender.group} for contender, _ in plan
        },
        "figures": [_figure(figure) for figure in suite.figures if figure.sample],
        "measures": [
            {"name": m.name, "title": m.title, "unit": m.unit, "values": list(m.values)} for m in measures if m.values
        ],
        "skipped": dict(suite.skipped), "refused": refused,
        "goals": [_verdict(judge(goal, rounds, values)) for goal in GOALS],
    }  # fmt: skip


def write(found: Result, directory: Path) -> list[Path]:
    """Write results/<date>-<version>.json, .md and .svg; other tiers than core, and parts, say so in the name."""
    name = f"{found['started'][:10]}-{found['version']}"
    name += "" if found["tier"] == "core" else f"-{found['tier']}"
    name += "-part" if found["only"] else ""
    directory.mkdir(parents=True, exist_ok=True)
    texts = {"json": json.dumps(found, indent=1) + "\n", "md": markdown(found), "svg": picture(found)}
    paths = [directory / f"{name}.{ending}" for ending in texts]
    for path, text in zip(paths, texts.values(), strict=True):
        path.write_text(text)
    return paths


def _rounds(figures: Iterable[Figure]) -> dict[str, dict[int, float]]:
    found: defaultdict[str, dict[int, float]] = defaultdict(dict)
    for figure in figures:
        if figure.sample:
            found[f"{figure.contender}@{figure.clients}"][figure.round] = figure.sample.per_second
    return found


def _named(figure: Figure) -> dict[str, object]:
    return {"figure": f"{figure.contender}@{figure.clients}", "round": figure.round + 1, "why": figure.refused}


def _figure(figure: Figure) -> dict[str, object]:
    assert figure.sample
    sample = figure.sample
    return {
        "contender": figure.contender, "clients": figure.clients, "round": figure.round + 1,
        "per_second": round(sample.per_second, 2), "p50_ms": sample.p50, "p95_ms": sample.p95, "p99_ms": sample.p99,
        "failed": dict(sample.failed), "server_ms": figure.server_ms,
    }  # fmt: skip


def _verdict(verdict: Verdict) -> dict[str, object]:
    goal = verdict.goal
    return {
        "title": goal.title, "want": goal.want, "bound": goal.bound, "aim": goal.aim, "ratio": verdict.ratio,
        "low": verdict.low, "high": verdict.high, "met": verdict.met, "why": verdict.why,
    }  # fmt: skip


# Markdown --------------------------------------------------------------------------------------------


def markdown(found: Result) -> str:
    """The tables, for people."""
    parts = [_head(found), _goals(found)]
    cells = _cells(found)
    for group, title in GROUPS.items():
        names = _names(found, cells, group)
        if names and group == "breakdown":
            parts.append(_breakdown(found, cells, names))
        elif names:
            parts.append(_throughput(found, cells, names, title))
    parts += [_latency(found, cells), _processor(found, cells), _failures(found)]
    parts += [_instructions(found), _measures(found), _left_out(found)]
    return "\n".join(part for part in parts if part)


BEGIN, END = "<!-- bench/results/{} -->\n", "<!-- end of bench -->\n"


def excerpt(found: Result) -> str:
    """The core of it: on what machine, what was measured, and the goals."""
    cells = _cells(found)
    parts = [_head(found).split("\n\n", 1)[1]]
    for group in ("limit", "openstock", "peer"):
        if names := _names(found, cells, group):
            parts.append(_throughput(found, cells, names, GROUPS[group]))
    parts.append(_goals(found))
    return "\n".join(parts).replace("\n## ", "\n### ")


def put_into(readme: str, path: Path) -> str:
    """The README with the excerpt of this result between its two marks."""
    before, rest = readme.split(BEGIN.split("{}")[0], 1)
    after = rest.split(END, 1)[1]
    return before + BEGIN.format(path.name) + excerpt(json.loads(path.read_text())) + END + after


def _head(found: Result) -> str:
    machine, server = found["machine"], found["server"]
    shares = [share for share in found["others_share"] if share is not None]
    lines = [
        f"# openstock {found['version']}, {found['started'][:10]}, {found['tier']}"
        + (f", only {found['only']}" if found["only"] else ""),
        "",
        f"{machine.get('processor', '?')}, {machine['cores']} cores, {machine.get('memory', '?')}; "
        f"{machine['system']}; "
        f"PostgreSQL {server.get('server_version', '?')}, fsync {server.get('fsync')}, full_page_writes "
        f"{server.get('full_page_writes')}, synchronous_commit {server.get('synchronous_commit')}, shared_buffers "
        f"{server.get('shared_buffers')}; {found['rounds']} rounds, {found['minutes']} minutes.",
        "",
        "Figures are medians of rounds, with the lowest and the highest. Compare them with each other.",
    ]
    if not found["durable"]:
        lines += ["", "**This server is not durable: its figures mean nothing.**"]
    if shares:
        lines += ["", f"Other processes took {min(shares):.0%} to {max(shares):.0%} of the processors during a round."]
    return "\n".join(lines) + "\n"


def _goals(found: Result) -> str:
    rows = [
        [
            goal["title"],
            f"{'≥' if goal['want'] == 'at least' else '≤'} {goal['bound']:g}"
            + (f", aim {goal['aim']:g}" if goal["aim"] else ""),
            f"**{goal['ratio']:.3g}** ({goal['low']:.3g} to {goal['high']:.3g})",
            "met" if goal["met"] else "**missed**",
        ]
        for goal in found["goals"]
        if goal["ratio"] is not None
    ]
    missing = [goal["title"] for goal in found["goals"] if goal["ratio"] is None]
    text = _table("Goals", ["ratio", "goal", "measured", ""], rows)
    return text + ("\nNot measured in this run: " + "; ".join(missing) + ".\n" if missing else "")


def _cells(found: Result) -> dict[str, dict[int, list[dict[str, Any]]]]:
    """Figures by contender and clients, one per round."""
    cells: dict[str, dict[int, list[dict[str, Any]]]] = {}
    for figure in found["figures"]:
        cells.setdefault(figure["contender"], {}).setdefault(figure["clients"], []).append(figure)
    return cells


def _names(found: Result, cells: Mapping[str, object], group: str) -> list[str]:
    """The contenders of a group that have figures."""
    return [name for name, about in found["contenders"].items() if about["group"] == group and name in cells]


def _median(figures: Sequence[Mapping[str, Any]], key: str = "per_second") -> float | None:
    values = [figure[key] for figure in figures if figure[key] is not None]
    return statistics.median(values) if values else None


def _throughput(
    found: Result, cells: dict[str, dict[int, list[dict[str, Any]]]], names: Sequence[str], title: str
) -> str:
    clients = sorted({number for name in names for number in cells[name]})
    rows = [
        [found["contenders"][name]["title"], *(_rate(cells[name].get(number, [])) for number in clients)]
        for name in names
    ]
    return _table(f"{title}: calls a second, by clients", ["", *map(str, clients)], rows)


def _rate(figures: Sequence[Mapping[str, Any]]) -> str:
    if not figures:
        return ""
    values = [figure["per_second"] for figure in figures]
    return f"{_number(statistics.median(values))} ({_number(min(values))} to {_number(max(values))})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _latency(found: Result, cells: dict[str, dict[int, list[dict[str, Any]]]]) -> str:
    clients = [number for number in (1, 8, 32) if any(number in by_clients for by_clients in cells.values())]
    rows = []
    for name, by_clients in cells.items():
        row = [found["contenders"][name]["title"]]
        for number in clients:
            figures = by_clients.get(number, [])
            medians = [_median(figures, key) for key in ("p50_ms", "p95_ms", "p99_ms")]
            row.append(" / ".join("-" if value is None else f"{value:.3g}" for value in medians) if figures else "")
        rows.append(row)
    return _table("Latency: p50 / p95 / p99 in ms, by clients", ["", *map(str, clients)], rows)


def _processor(found: Result, cells: dict[str, dict[int, list[dict[str, Any]]]]) -> str:
    clients = sorted({number for by_clients in cells.values() for number in by_clients})
    rows = []
    for name, by_clients in cells.items():
        medians = [_median(by_clients.get(number, []), "server_ms") for number in clients]
        if any(medians):
            rows.append(
                [found["contenders"][name]["title"], *("" if m is None else f"{1000 * m:,.0f}" for m in medians)]
            )
    title = "Processor time of the server for one call, in µs, by clients"
    return _table(title, ["", *map(str, clients)], rows) if rows else ""


def _failures(found: Result) -> str:
    counted: defaultdict[tuple[str, int], defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    for figure in found["figures"]:
        for kind, number in figure["failed"].items():
            counted[figure["contender"], figure["clients"]][kind] += number
        if figure["contender"].endswith("_two"):
            counted[figure["contender"], figure["clients"]]["deadlock"] += 0
    rows = [
        [
            found["contenders"][name]["title"],
            str(clients),
            ", ".join(f"{kind}: {number}" for kind, number in kinds.items()),
        ]
        for (name, clients), kinds in counted.items()
    ]
    return _table("Transactions that failed, all rounds together", ["", "clients", ""], rows) if rows else ""


def _breakdown(found: Result, cells: dict[str, dict[int, list[dict[str, Any]]]], names: Sequence[str]) -> str:
    rows = [
        [found["contenders"][name]["title"], _rate(figures), "" if name == BASELINE else f"{_saving(cells, name):+.1%}"]
        for name in names
        for figures in cells[name].values()
    ]
    return _table(
        "Breakdown: a one-line reserve without …, 8 clients", ["left out", "calls a second", "time saved"], rows
    )


def _saving(cells: dict[str, dict[int, list[dict[str, Any]]]], name: str) -> float:
    """By how much of its time a call gets shorter without the part: the median over rounds."""
    [(clients, figures)] = cells[name].items()
    whole = {figure["round"]: figure["per_second"] for figure in cells.get(BASELINE, {}).get(clients, [])}
    shares = [1 - whole[figure["round"]] / figure["per_second"] for figure in figures if figure["round"] in whole]
    return statistics.median(shares) if shares else float("nan")


def _instructions(found: Result) -> str:
    counts = {m["name"]: statistics.median(m["values"]) for m in found["measures"] if m["unit"] == instructions.UNIT}
    titles = {m["name"]: m["title"] for m in found["measures"]}
    bare, whole = counts.get("instructions_bare"), counts.get("instructions_reserve_1")
    rows = [
        [
            titles[name],
            f"{count:,.0f}",
            f"{count / bare:.2f}" if bare else "",
            f"{1 - count / whole:+.1%}" if whole and "breakdown" in name else "",
        ]
        for name, count in counts.items()
    ]
    heads = ["", "thousands", "times the bare function", "saved by leaving it out"]
    return _table("Instructions of the server for one call, without the kernel's", heads, rows) if rows else ""


def _measures(found: Result) -> str:
    rows = [
        [
            measure["title"],
            f"{statistics.median(measure['values']):.3g} {measure['unit']}",
            f"{min(measure['values']):.3g} to {max(measure['values']):.3g}" if len(measure["values"]) > 1 else "",
        ]
        for measure in found["measures"]
        if measure["unit"] != instructions.UNIT
    ]
    return _table("History, disk, memory", ["", "median", "range"], rows) if rows else ""


def _left_out(found: Result) -> str:
    lines = [
        f"- {found['contenders'].get(name, {}).get('title', name)}: {why}" for name, why in found["skipped"].items()
    ]
    text = "## Not measured\n\n" + "\n".join(lines) + "\n" if lines else ""
    lines = [f"- {refusal['figure']}: {refusal['why']}" for refusal in found["refused"]]
    return text + ("\n## Refused: the outcome was wrong\n\n" + "\n".join(lines) + "\n" if lines else "")


def _table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    alignment = ["---"] + ["---:" if head.isdigit() else "---" for head in heads[1:]]
    lines = [heads, alignment, *rows]
    return f"## {title}\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


# Picture ---------------------------------------------------------------------------------------------

CHARTS = {
    "Uniform": ("insert", "bare", "reserve", "usual", "usual_function", "twophase"),
    "One hot SKU": ("hot_update", "reserve_hot", "reserve_now_hot", "usual_hot", "usual_function_hot", "twophase_hot"),
}
LATENCIES = ("reserve", "reserve_hot", "reserve_now_hot")


def picture(found: Result) -> str:
    """Throughput and latency by clients, and what each promise costs."""
    cells = _cells(found)
    charts = []
    for title, names in CHARTS.items():
        series = {
            found["contenders"][name]["title"].replace("reserve, 1 line, uniform", "reserve"): [
                (float(clients), _median(figures) or 0.0) for clients, figures in sorted(cells[name].items())
            ]
            for name in names
            if name in cells
        }
        if series:
            charts.append(svg.lines(title, series, "calls a second"))
    for name in LATENCIES:
        if name in cells:
            series = {
                part: [
                    (float(clients), value)
                    for clients, figures in sorted(cells[name].items())
                    if (value := _median(figures, f"{part}_ms")) is not None
                ]
                for part in ("p50", "p95", "p99")
            }
            charts.append(svg.lines(found["contenders"][name]["title"], series, "latency in ms", log=True))
    parts = {
        found["contenders"][name]["title"].split(":")[0]: 100 * _saving(cells, name)
        for name in cells
        if found["contenders"][name]["group"] == "breakdown" and name != BASELINE and BASELINE in cells
    }
    if parts:
        charts.append(svg.bars("What each promise costs a one-line reserve", parts, "% of its time, 8 clients"))
    growth = {
        found["contenders"][name]["title"].removeprefix("reserve, "): _median(figures) or 0.0
        for name in cells
        if found["contenders"][name]["group"] == "growth"
        for figures in cells[name].values()
    }
    if growth:
        charts.append(svg.bars("Growth", growth, "one-line reserves a second, 8 clients"))
    return svg.sheet(charts, f"openstock {found['version']}, {found['started'][:10]}")


if __name__ == "__main__":
    README = Path(__file__).parent.parent / "README.md"
    README.write_text(put_into(README.read_text(), Path(sys.argv[1])))
