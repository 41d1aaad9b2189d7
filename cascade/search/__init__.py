"""Every plan, and which to take.

`grid` works out cost and accuracy of every plan from stage tables, `optuna_search` samples a space that is
too large for that, `choose` takes the fronts on the validation side, `evaluate` proves them on the test
side, and `plan_file` and `artifacts` are what is kept of it all.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
