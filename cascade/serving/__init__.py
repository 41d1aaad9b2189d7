"""From a plan to answers: one query through the stages of a plan, and the service around it.

`cascade` is the object that takes a plan, the family's members and the sandbox, and answers one problem;
`app` and `server` put an OpenAI-compatible interface before it, `drift` watches whether the plan still holds.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
