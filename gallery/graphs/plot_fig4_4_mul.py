"""
Figure 4.4: backward through a product
======================================

A product gives each input the upstream gradient times the other input.
"""

import minigrad
from minigrad import viz

x = minigrad.tensor(10.0, requires_grad=True)
y = minigrad.tensor(5.0, requires_grad=True)
z = x * y
L = z * 1.3  # whatever comes after: its derivative by z is the upstream gradient

picture = viz.graph(L, grads="local")
