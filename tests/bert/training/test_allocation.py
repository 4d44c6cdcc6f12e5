"""Freed memory is used again without asking the system for it."""

import os
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
for update in range(23):
    if update == 3:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [torch.ones(6_000_000) for _ in range(3)]  # of 24 MB, 5,900 pages each
    del blocks
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's setting")
def test_a_block_that_was_freed_is_taken_again_without_a_page_fault():
    # What glibc begins with, and would go on from as it sees fit: a block of 128 KiB is given back.
    begins_with = {"MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_TRIM_THRESHOLD_": "131072"}
    faults = {}
    for kept in ("kept", "not kept"):
        line = [sys.executable, "-c", PROGRAM, kept]
        said = subprocess.run(line, cwd=ROOT, env=os.environ | begins_with, check=True, capture_output=True, text=True)
        said = said.stdout.split()
        if kept == "kept" and said[0] == "False":
            pytest.skip("this C library has no such setting")
        faults[kept] = int(said[-1])
    assert faults["kept"] < faults["not kept"] / 3, faults
