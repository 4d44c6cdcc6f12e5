"""The command line of each command, and what it prints. By groups; the work is done in the folder above.

PyTorch takes seconds to load. So only the functions that run a command import it: --help and errors in the flags come
at once.
"""
