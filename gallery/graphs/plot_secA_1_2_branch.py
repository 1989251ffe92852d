"""
Section A.1.2: gradients add at a branch
========================================

y = x x + x uses x three times; its gradient is the sum of three: 3 + 3 + 1 = 2 x + 1 at x = 3.
"""

import minigrad
from minigrad import viz

x = minigrad.tensor(3.0, requires_grad=True)
y = x * x + x

picture = viz.graph(y)
