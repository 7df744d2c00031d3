from tests.store.conftest import postgres as postgres
