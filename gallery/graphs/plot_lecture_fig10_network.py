"""
Lecture, figures 10 and 11: a network of 3, 4 and 1 neurons
===========================================================

Column vectors, as in the lecture: h = σ(W₁ᵀ x), ŷ = W₂ᵀ h, L = (ŷ - y)² / 2.
"""

import minigrad
from minigrad import nn, viz

x = minigrad.tensor([[0.5], [-1.0], [2.0]], requires_grad=True)
y = minigrad.tensor([[1.0]])
W1 = nn.Parameter(minigrad.linspace(-1, 1, 12).reshape(3, 4))
W2 = nn.Parameter(minigrad.linspace(-1, 1, 4).reshape(4, 1))

h = (W1.T @ x).sigmoid()
prediction = W2.T @ h
L = ((prediction - y) ** 2 * 0.5).sum()

picture = viz.graph(L, names={"W₁": W1, "W₂": W2}, values="shapes")
