"""What choosing and checking take of memory, each a command of its own."""
