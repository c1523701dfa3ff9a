"""What tests of model files share."""

import pytest


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.lookalike"


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Keep vectors out of the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
