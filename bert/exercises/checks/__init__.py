"""The checks of the exercises, a file for each. They are tests written for teaching.

A check is a function ``check_...`` of the student's module. It raises ``Wrong`` with a sentence. It compares with an
oracle that is not the solution: NumPy, brute force, or a function of PyTorch. It also computes what typical mistakes
would give, so that the sentence can name the mistake.

A check calls no function of another exercise: what a function calls is replaced by a few lines here. So a student can
fill in the functions in any order. These files are here and not in ``tests/``, since a command runs them, on a
student's module, one process for each. The project's own tests call functions through each other.
"""
