import platform
import subprocess
import sys

import pytest

pytest.importorskip("torch")

FAULTS = """
import resource
import numpy as np
from l2l_backends.care_network import CareOptions
from l2l_backends.torch.care import Care

made = Care(CareOptions(kernel=3), axes="YX", channels_in=1, channels_out=1, device="cpu")
image = np.zeros((1, 1, 256, 256), np.float32)


def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    made.restore(image)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


faults(), faults()
again = min(faults() for _ in range(3))
made.close()
# One feature map of the first level has 2048 pages of 4 kB.
raise SystemExit(0 if again < 1024 else f"{again} pages were fetched again")
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_a_second_restoration_fetches_no_memory_from_the_system():
    subprocess.run([sys.executable, "-c", FAULTS], check=True, timeout=120)
