"""What became of a file's rows."""

from __future__ import annotations

from dataclasses import dataclass, field

from openstock.importer.mapping import Kind

__all__ = ["LISTED", "Reject", "Report"]

LISTED = 20
"""How many rejected rows, and how many refused orders, a report names."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was not imported."""

    line: int
    reason: str


@dataclass(kw_only=True)
class Report:
    """What became of a file's rows. `rows` = imported + before + repeated + ignored + rejected."""

    kind: Kind
    file: str
    rows: int = 0
    imported: int = 0
    before: int = 0
    """Imported by an earlier run of the same file; of products also those that are as the file says already."""
    repeated: int = 0
    """Further rows of a product that the file has already named."""
    ignored: int = 0
    """Rows whose sku was to be ignored."""
    rejected: int = 0
    rejects: list[Reject] = field(default_factory=list)
    """The first of them."""
    orders: int = 0
    """Orders shipped by this run."""
    orders_before: int = 0
    orders_short: int = 0
    """Orders of which nothing was reserved, for lack of stock."""
    short: list[str] = field(default_factory=list)
    """The first of those."""
    returns: int = 0

    def text(self) -> str:
        """The report for people."""
        counts = [f"{self.imported:,} imported", f"{self.before:,} imported before"]
        counts += [f"{n:,} {what}" for n, what in [(self.repeated, "repeat a product"), (self.ignored, "ignored")] if n]
        lines = [
            f"{self.kind} from {self.file}: {self.rows:,} rows read",
            f"  {', '.join(counts)}, {self.rejected:,} rejected",
        ]
        if self.kind == "sales":
            lines.append(
                f"  {self.orders:,} orders shipped, {self.orders_before:,} shipped before, "
                f"{self.orders_short:,} refused for lack of stock, {self.returns:,} rows returned to stock"
            )
            lines += [f"  refused: {order}" for order in self.short]
            if (more := self.orders_short - len(self.short)) > 0:
                lines.append(f"  … and {more:,} more orders")
        lines += [f"  line {line}: {reason}" for line, reason in sorted((r.line, r.reason) for r in self.rejects)]
        if (more := self.rejected - len(self.rejects)) > 0:
            lines.append(f"  … and {more:,} more rejected rows")
        if not self.imported and self.before:
            lines.append("  Nothing changed: this file was imported before.")
        return "\n".join(lines)
