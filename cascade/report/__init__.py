"""Pages, figures, the last screen of a study and explained cascades.

`study_page` and `sweep_page` are the HTML pages, `terminal` is what a study prints at its end, `explain`
follows single problems through a plan.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
