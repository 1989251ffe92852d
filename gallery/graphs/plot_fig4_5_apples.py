"""
Figure 4.5: buying apples, forward and backward
===============================================

If the apple gets 1 dearer, the price rises by 2.2; the number of apples counts 110, the tax 200.
"""

import minigrad
from minigrad import viz

apple = minigrad.tensor(100.0, requires_grad=True)
number = minigrad.tensor(2.0, requires_grad=True)
tax = minigrad.tensor(1.1, requires_grad=True)
price = apple * number * tax

picture = viz.graph(price, names={"apple 苹果": apple, "number 个数": number, "tax 消费税": tax, "price 总价": price})
