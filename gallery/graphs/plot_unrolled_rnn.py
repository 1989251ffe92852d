"""
An unrolled recurrent network
=============================

Parameters that are used at every step are drawn once per use, dashed.
"""

import minigrad
from minigrad import nn, viz

minigrad.manual_seed(0)
Wx, Wh, b = nn.Parameter(minigrad.randn(3, 2)), nn.Parameter(minigrad.randn(2, 2)), nn.Parameter(minigrad.randn(2))
h = minigrad.zeros(1, 2)
for _ in range(5):
    h = (minigrad.randn(1, 3) @ Wx + h @ Wh + b).tanh()

picture = viz.graph(h)
