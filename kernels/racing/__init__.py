"""Plain functions raced on the caller's arguments: the first is the reference, and none is an
operation's kernel.

`arguments` perturbs what they are called with, `copies` copies and compares it, `results` looks at
what they return, `posed` finds out from the reference how far a right result may be off, `judging`
judges the others by it, `contest` times those that passed.
"""
