"""The ground floor: errors, the store and JSON records.

Everything above may use this room, and it uses nothing of ours. `errors` has the one exception that a
user's mistake becomes, `store` keeps samples and verdicts on disk so that no work is lost or done twice,
`records` reads JSON and JSON Lines and knows where every record stands.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
