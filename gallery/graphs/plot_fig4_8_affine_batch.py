"""
Figure 4.8: Affine, a batch
===========================

dX = dY Wᵀ, dW = Xᵀ dY, and the gradient of the bias is summed over the examples.
"""

import minigrad
from minigrad import nn, viz

X = minigrad.randn(3, 2, requires_grad=True)
W = nn.Parameter(minigrad.randn(2, 3))
B = nn.Parameter(minigrad.randn(3))
Y = X @ W + B

picture = viz.graph(Y, values="shapes", grads="local")
