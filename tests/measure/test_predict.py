"""How long a call would take, from parts of it."""

from __future__ import annotations

import string
from itertools import count

import einbench
from einbench.measure.predict import predict
from einbench.problem import Problem


def test_parts_of_many_short_axes_grow_until_the_call_is_predicted():
    letters = string.ascii_lowercase[:20]
    sizes = dict.fromkeys(letters, 2)
    op = einbench.expression(f"{letters}->", **sizes)
    problem = Problem.at(op, None, "float32", sizes).draw(0)
    ticks = count()
    # by this clock every call takes a millisecond, however many entries it has
    limit_s = 0.5
    found = predict(op["einsum"], problem, limit_s, clock=lambda: next(ticks) / 1000)
    assert found.seconds <= limit_s
