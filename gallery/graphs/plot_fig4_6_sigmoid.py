"""
Figure 4.6: the sigmoid, node by node
=====================================

1 / (1 + exp(-x)) of a product, an exponential, a sum and a division. The gradient is y (1 - y).
"""

import minigrad
from minigrad import viz

x = minigrad.tensor(1.0, requires_grad=True)
y = 1 / ((x * -1).exp() + 1)

picture = viz.graph(y)
