"""
Figure 4.1: two apples with tax
===============================

Forward only: every node computes from what stands on its own arrows and knows nothing of the rest.
"""

import minigrad
from minigrad import viz

apple = minigrad.tensor(100.0, requires_grad=True)
price = apple * 2 * 1.1

picture = viz.graph(price, names={"apple 苹果": apple, "price 总价": price}, grads=False)
