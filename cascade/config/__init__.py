"""The configuration boundary: YAML is checked once and becomes frozen objects.

`schemas` says which keys and values there are, `study` turns a composed configuration into a `Study`; past
it nobody sees a DictConfig.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
