"""The method as arrays: score, rules, estimators, stage tables, plans, pricing, split, front, bootstrap.

Pure functions and frozen dataclasses over numpy arrays; nothing here reads a file, asks a model or knows
Hydra, MLflow or torch. Start with `score` (paper section 3.1) and `stage_tables` (what one model's option
does to every problem).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
