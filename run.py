"""The one command: `python run.py --help` tells what it can do."""

from cascade.tasks.start import start

if __name__ == "__main__":
    start()
