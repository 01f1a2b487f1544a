"""Where einsum libraries differ: one behaviour after the other, asked of each that is installed.

`cases` holds the behaviours, `spoken` how a library's users call it, `answering` runs in a process
of the library's own, `asking` starts these and goes on where one dies, `judged` compares an answer
with the mathematics, and `table` is what people read.
"""
