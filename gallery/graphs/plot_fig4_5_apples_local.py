"""
Figure 4.5, with the local derivatives
======================================

Below each gradient stands how it comes about: the upstream gradient times the swapped input.
"""

import minigrad
from minigrad import viz

apple = minigrad.tensor(100.0, requires_grad=True)
number = minigrad.tensor(2.0, requires_grad=True)
tax = minigrad.tensor(1.1, requires_grad=True)
price = apple * number * tax

names = {"apple 苹果": apple, "number 个数": number, "tax 消费税": tax, "price 总价": price}
picture = viz.graph(price, names=names, grads="local")
