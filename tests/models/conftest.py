"""What tests of model files share."""

import pytest


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.lookalike"


@pytest.fixture(autouse=True)
def all_with_own_cache(own_cache):
    """Keep vectors out of the user's cache."""
