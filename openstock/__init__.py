"""openstock: a stock ledger you can prove, inside your own PostgreSQL."""

__version__ = "0.1.0"
