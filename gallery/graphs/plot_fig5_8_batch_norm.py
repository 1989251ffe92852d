"""
Figure 5.8: the graph of BatchNorm
==================================

Mean, variance, normalisation, scale and shift, for four examples of two features.
"""

import minigrad
from minigrad import nn, viz

minigrad.manual_seed(0)
x = minigrad.randn(4, 2, requires_grad=True)
gamma = nn.Parameter(minigrad.tensor([1.0, 2.0]))
beta = nn.Parameter(minigrad.tensor([0.0, 0.5]))

mean = x.mean(0, keepdim=True)
centred = x - mean
variance = (centred**2).mean(0, keepdim=True)
normed = centred * (1 / (variance + 1e-5).sqrt())
out = normed * gamma + beta

picture = viz.graph(out, names={"γ": gamma, "β": beta}, values="shapes")
