"""What a package can add to einbench."""
