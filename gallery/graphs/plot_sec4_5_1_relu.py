"""
Section 4.5.1: ReLU
===================

A switch: where the input was above 0 the gradient passes, elsewhere it is cut off.
"""

import minigrad
from minigrad import viz

x = minigrad.tensor([1.0, -0.5, -2.0, 3.0], requires_grad=True)
y = x.relu().sum()

picture = viz.graph(y)
