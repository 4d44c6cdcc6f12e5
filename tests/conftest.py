"""Settings that all tests share."""

import torch

# Tiny tensors on contended cores are hundreds of times slower with more threads than one.
torch.set_num_threads(1)
