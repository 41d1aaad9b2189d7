"""How family mini and its problems were made: a grammar of small Python problems and models trained on it.

Importing this package pulls in neither torch nor transformers; only `train`, `evaluate` and
`tokenizer` need more than the standard library.
"""
