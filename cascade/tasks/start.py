"""Where the program starts: `python run.py` and the console command `cascade` are this one function."""

import gc
import signal
import sys

INTERRUPTED = 130  # the shell's own status for Ctrl-C
# Samples and syntax trees are many objects and hardly ever rings: to look for rings after every 700 of them
# takes a tenth of a study's time.
NEW_OBJECTS = 100_000


def start() -> None:
    """Compose the configuration, run its task, and say every mistake of the user's in one line.

    The rest is imported here, so that Ctrl-C while Python is still loading ends without a traceback too.
    """
    gc.set_threshold(NEW_OBJECTS)
    try:
        from cascade.tasks.command_line import guarded, main

        guarded(main)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # who presses it again means the same
        print("interrupted; rerun the same command to resume", file=sys.stderr)
        sys.exit(INTERRUPTED)
    finally:
        # At the end Python looks for rings among all objects once more, which takes a second.
        gc.freeze()
