"""The project as a course.

A student fills functions in. Checks say what is wrong, each in a sentence.
"""
