"""
Figure 4.6, as one node
=======================

The Sigmoid layer keeps its result y, and the gradient is the upstream gradient times y (1 - y).
"""

import minigrad
from minigrad import viz

x = minigrad.tensor(1.0, requires_grad=True)
y = x.sigmoid()

picture = viz.graph(y, grads="local")
