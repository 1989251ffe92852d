"""
Second order: the graph of a gradient
=====================================

The derivative of x³, computed with create_graph, is a graph of its own: its gradient is 6 x.
"""

import minigrad
from minigrad import viz

x = minigrad.tensor(3.0, requires_grad=True)
(dy,) = minigrad.autograd.grad(x**3, x, create_graph=True)

picture = viz.graph(dy)
