"""``python -m einbench.cli`` is the einbench command."""

from einbench.cli import main

if __name__ == "__main__":
    main(prog_name="einbench")
