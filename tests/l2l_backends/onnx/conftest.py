import pytest


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Networks this small are faster in one thread, above all beside other processes."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
