"""Models on this machine, through transformers and accelerate, with continuous batching."""

import os

# Read when torch is loaded. By default its threads wait for each other by spinning: beside other work a step
# then takes twenty times its processor time (measured), which is what a token's price rests on.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
