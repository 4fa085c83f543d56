"""Walls around a process that runs what others wrote: models, and SQL from people.

Linux alone, standard library alone: Landlock, a filter of system calls, limits, and
a user without rights. Imports nothing else of the project.
"""
