from importlib.util import find_spec

import pytest


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Networks this small are faster in one thread, above all beside other processes."""
    if find_spec("torch"):
        import torch

        torch.set_num_threads(1)
