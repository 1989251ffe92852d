"""Every operation, one class each, with the functions and Tensor methods that call it beside it.

elementwise, compare   one element at a time        shape   views and joins          create   new tensors
reduce                 over dimensions              index   picking and placing       copy     clone, dtypes
linalg                 products                     loss    fused losses
"""
