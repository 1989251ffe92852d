"""
Figure 4.3: backward through a sum
==================================

A sum passes the upstream gradient on, unchanged, to both inputs.
"""

import minigrad
from minigrad import viz

x = minigrad.tensor(10.0, requires_grad=True)
y = minigrad.tensor(5.0, requires_grad=True)
z = x + y
L = z * 1.3  # whatever comes after: its derivative by z is the upstream gradient

picture = viz.graph(L, grads="local")
