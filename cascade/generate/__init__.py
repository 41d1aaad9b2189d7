"""Where samples come from: models on this machine, servers, recordings.

`local/` runs models through transformers, `remote/` asks OpenAI-compatible servers, `recordings/` reads
what was written elsewhere; `interface` is what all of them implement, and what they share (family, prompts,
reading replies, the store of samples) lies beside it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
