"""
Section 4.2: the chain rule
===========================

z = (x + y)²: its derivative by x is 2(x + y), the product of the derivatives along the way.
"""

import minigrad
from minigrad import viz

x = minigrad.tensor(2.0, requires_grad=True)
y = minigrad.tensor(3.0, requires_grad=True)
z = (x + y) ** 2

picture = viz.graph(z, grads="local")
