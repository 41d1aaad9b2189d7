"""How long a device worked: what a token's price rests on, whatever else the machine is busy with."""

import time

import torch


class WorkTimer:
    """Seconds that a model's device worked, and those that passed.

    On a CPU others may run beside us, and the wall time counts their work too: the processor time of this
    process, spread over the threads that compute, does not. It is never more than the wall time, and on an
    idle machine little less. A GPU works for one process at a time here, and its wall time counts.
    """

    def __init__(self, device: torch.device) -> None:
        """Start."""
        self._threads = torch.get_num_threads() if device.type == "cpu" else None
        self._wall, self._processor = time.perf_counter(), time.process_time()

    def lap(self) -> tuple[float, float]:
        """Seconds worked and seconds passed since the last call, and start anew."""
        wall, processor = time.perf_counter(), time.process_time()
        passed, used = wall - self._wall, processor - self._processor
        self._wall, self._processor = wall, processor
        return passed if self._threads is None else min(passed, used / self._threads), passed
