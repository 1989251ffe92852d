"""
Figure 4.7: Affine, one example
===============================

The shapes of the gradients are those of the values.
"""

import minigrad
from minigrad import nn, viz

X = minigrad.randn(2, requires_grad=True)
W = nn.Parameter(minigrad.randn(2, 3))
B = nn.Parameter(minigrad.randn(3))
Y = X @ W + B

picture = viz.graph(Y, values="shapes")
