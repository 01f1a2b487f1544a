"""``python -m kernels.cli`` is the einbench command."""

from kernels.cli import main

if __name__ == "__main__":
    main(prog_name="einbench")
