"""Models on this machine, through transformers and accelerate, with continuous batching."""
