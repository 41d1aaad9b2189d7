"""Data sets as `Problem`s: a prompt, an entry point and reference tests.

`load` reads a data set from a file or the Hugging Face hub; one module a format says what its records mean.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
