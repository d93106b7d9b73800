"""The database against a model of it. Failures are told with the values that differ."""

import pytest

pytest.register_assert_rewrite("tests.model.witness", "tests.model.upkeep")
