"""What counts as a floating-point operation where the mathematics alone does not say."""

#: exp, log and tanh count this many: a polynomial of degree 5 to 6 in fused multiply-adds
#: (two operations each), and the reduction of the argument before it
EXP_FLOPS = 16
