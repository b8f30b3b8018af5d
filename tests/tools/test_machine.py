import subprocess
import sys
from pathlib import Path

import numpy as np

from tools.machine import describe_machine, peak_memory

ROOT = Path(__file__).parents[2]
PROGRAM = """
import numpy as np
from tools.machine import peak_memory
print(peak_memory())
held = np.ones(50_000_000)
print(peak_memory())
del held
print(peak_memory())
"""


def test_the_machine_is_described():
    described = describe_machine()
    assert described["cores"] >= 1 and described["processor"]
    assert len(described["load_before"]) == 3


def test_the_peak_is_that_of_this_process_alone_and_kept_when_memory_is_given_back():
    held = np.ones(100_000_000)
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    before, peak, after = map(int, done.stdout.split())
    assert before + 390_000_000 < peak < before + 410_000_000
    assert after > 0.99 * peak  # Linux counts pages of each core apart.
    assert peak < held.nbytes < peak_memory()
