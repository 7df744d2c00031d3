"""What tests of stores share, those of a served OCS too."""

from collections.abc import Iterator

import pytest

from tests.store.postgres import Postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One cluster for each process that tests; each test has a database of its own."""
    cluster = Postgres()
    yield cluster
    cluster.remove()
