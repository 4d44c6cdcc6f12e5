"""Freed memory is used again without asking the system for it."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PROGRAM = """
import resource, sys
import torch
from bert.training.allocation import keep_freed_memory
if sys.argv[1] == "kept":
    print(keep_freed_memory())
for _ in range(3):
    torch.ones(2_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50):
    torch.ones(2_000_000) + 1  # two blocks of 8 MB, 2,000 pages each
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's setting")
def test_a_block_that_was_freed_is_taken_again_without_a_page_fault():
    faults = {}
    for kept in ("kept", "not kept"):
        line = [sys.executable, "-c", PROGRAM, kept]
        said = subprocess.run(line, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
        if kept == "kept" and said[0] == "False":
            pytest.skip("this C library has no such setting")
        faults[kept] = int(said[-1])
    assert faults["kept"] < faults["not kept"] / 3, faults
