"""``python -m einbench.cli`` is the einbench command."""

from einbench.cli import start

if __name__ == "__main__":
    start()
