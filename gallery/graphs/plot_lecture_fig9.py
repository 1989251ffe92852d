"""
Lecture, figure 9: f = (x + y) z
================================

At x = -2, y = 5, z = -4: f = -12, and the gradients are -4, -4 and 3.
"""

import minigrad
from minigrad import viz

x = minigrad.tensor(-2.0, requires_grad=True)
y = minigrad.tensor(5.0, requires_grad=True)
z = minigrad.tensor(-4.0, requires_grad=True)
f = (x + y) * z

picture = viz.graph(f)
