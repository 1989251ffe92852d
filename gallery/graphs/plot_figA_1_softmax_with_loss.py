"""
Figure A.1: Softmax-with-Loss, node by node
===========================================

Where a value branches, the gradients of its branches add. The gradient of a is y - t.
"""

import minigrad
from minigrad import viz

a1, a2, a3 = (minigrad.tensor(v, requires_grad=True) for v in (0.3, 2.9, 4.0))
t1, t2, t3 = (minigrad.tensor(v) for v in (0.0, 0.0, 1.0))

e1, e2, e3 = a1.exp(), a2.exp(), a3.exp()
s = 1 / (e1 + e2 + e3)
y1, y2, y3 = e1 * s, e2 * s, e3 * s
L = (y1.log() * t1 + y2.log() * t2 + y3.log() * t3) * -1

picture = viz.graph(L, names={"a₁": a1, "a₂": a2, "a₃": a3, "t₁": t1, "t₂": t2, "t₃": t3})
