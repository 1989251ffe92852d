"""
Figure 4.10: Softmax-with-Loss as one node
==========================================

The gradient is y - t, the probabilities minus the right answer: (0.018, 0.245, 0.737) - (0, 0, 1).
"""

import minigrad
from minigrad import nn, viz

a = minigrad.tensor([[0.3, 2.9, 4.0]], requires_grad=True)
t = minigrad.tensor([2])
L = nn.functional.cross_entropy(a, t)

picture = viz.graph(L)
