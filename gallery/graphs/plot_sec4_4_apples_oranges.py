"""
Section 4.4: apples and oranges, backward
=========================================

Products inside a sum inside a product. The price is 715.
"""

import minigrad
from minigrad import viz

apple, apples, orange, oranges, tax = (minigrad.tensor(v, requires_grad=True) for v in (100.0, 2.0, 150.0, 3.0, 1.1))
price = (apple * apples + orange * oranges) * tax

names = {"apple 苹果": apple, "apples 个数": apples, "orange 橘子": orange, "oranges 个数": oranges, "tax 消费税": tax}
picture = viz.graph(price, names={**names, "price 总价": price})
