"""The sandbox of a process that runs untrusted input: models, and SQL from users.

Linux alone, standard library alone: Landlock, a filter of system calls, limits, and
a user without rights. Imports nothing else of the project.
"""
