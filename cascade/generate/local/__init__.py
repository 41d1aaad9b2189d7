"""Models on this machine, through transformers and accelerate, with continuous batching."""

import os

# Read when torch is loaded. Its threads wait for each other by spinning: fast where they have the cores to
# themselves, else twenty times a step's processor time (measured), on which a token's price rests.
if os.getloadavg()[0] > (os.cpu_count() or 1):
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
