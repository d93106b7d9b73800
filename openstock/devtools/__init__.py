"""Tools for people who work on openstock itself; not part of the wheel."""
