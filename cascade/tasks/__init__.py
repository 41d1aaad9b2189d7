"""One short module a task, and the command line that picks it.

A task reads as a paragraph: load, generate, execute, tabulate, search, log.
"""
