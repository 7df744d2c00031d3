"""A PostgreSQL for tests."""

import pytest

from ocs.bench.postgres import Cluster, there


class Postgres(Cluster):
    """One that is there, or the test is skipped."""

    def __init__(self) -> None:
        if not there():
            pytest.skip("needs PostgreSQL and its client (Debian: postgresql; pip: psycopg[binary])")
        super().__init__()
