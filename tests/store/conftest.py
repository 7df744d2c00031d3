"""What tests of stores share, those of a served OCS too."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ocs.address import Store
from tests.store.postgres import Postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One cluster for each process that tests; each test has a database of its own."""
    cluster = Postgres()
    yield cluster
    cluster.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Where a new store of either kind can be."""
    if request.param == "sqlite":
        return tmp_path / "ocs.db"
    found: Store = request.getfixturevalue("postgres").database()
    return found
