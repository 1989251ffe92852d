"""minigrad: a define-by-run autograd tensor engine on NumPy, with PyTorch's names and behaviour.

>>> import minigrad
>>> x = minigrad.tensor([1.0, 2.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
tensor([2., 4.])
"""

from __future__ import annotations

import warnings

# NumPy reports overflow and NaN born in minigrad's own code; PyTorch, and so minigrad, computes on in silence.
# An errstate per operation would cost more than most operations; `np.errstate(all="raise")` still works.
warnings.filterwarnings("ignore", r".* encountered in ", RuntimeWarning, r"minigrad\.")

from minigrad.kernels.allocation import keep_freed_memory

keep_freed_memory()

from minigrad.device import Device
from minigrad.dtypes import boolean
from minigrad.dtypes import can_cast as can_cast
from minigrad.dtypes import dtype as dtype
from minigrad.dtypes import finfo as finfo
from minigrad.dtypes import float16 as float16
from minigrad.dtypes import float32 as float32
from minigrad.dtypes import float64 as float64
from minigrad.dtypes import get_default_dtype as get_default_dtype
from minigrad.dtypes import iinfo as iinfo
from minigrad.dtypes import int8 as int8
from minigrad.dtypes import int16 as int16
from minigrad.dtypes import int32 as int32
from minigrad.dtypes import int64 as int64
from minigrad.dtypes import promote_types as promote_types
from minigrad.dtypes import result_type as result_type
from minigrad.dtypes import set_default_dtype as set_default_dtype
from minigrad.dtypes import uint8 as uint8
from minigrad.modes import enable_grad as enable_grad
from minigrad.modes import inference_mode as inference_mode
from minigrad.modes import is_anomaly_enabled as is_anomaly_enabled
from minigrad.modes import is_grad_enabled as is_grad_enabled
from minigrad.modes import is_inference_mode_enabled as is_inference_mode_enabled
from minigrad.modes import no_grad as no_grad
from minigrad.modes import set_grad_enabled as set_grad_enabled
from minigrad.tensor import BoolTensor as BoolTensor
from minigrad.tensor import ByteTensor as ByteTensor
from minigrad.tensor import CharTensor as CharTensor
from minigrad.tensor import DoubleTensor as DoubleTensor
from minigrad.tensor import FloatTensor as FloatTensor
from minigrad.tensor import HalfTensor as HalfTensor
from minigrad.tensor import IntTensor as IntTensor
from minigrad.tensor import LongTensor as LongTensor
from minigrad.tensor import ShortTensor as ShortTensor
from minigrad.tensor import Size as Size
from minigrad.tensor import Tensor as Tensor
from minigrad.tensor import as_tensor as as_tensor
from minigrad.tensor import asarray as asarray
from minigrad.tensor import from_dlpack as from_dlpack
from minigrad.tensor import from_numpy as from_numpy
from minigrad.tensor import is_floating_point as is_floating_point
from minigrad.tensor import is_tensor as is_tensor
from minigrad.tensor import numel as numel
from minigrad.tensor import tensor as tensor

# isort: split
from minigrad.ops.compare import *
from minigrad.ops.copy import *
from minigrad.ops.create import *
from minigrad.ops.elementwise import *
from minigrad.ops.index import *
from minigrad.ops.linalg import *
from minigrad.ops.reduce import *
from minigrad.ops.sampling import *
from minigrad.ops.shape import *

# isort: split
from minigrad.printing import set_printoptions as set_printoptions
from minigrad.random import Generator as Generator
from minigrad.random import default_generator as default_generator
from minigrad.random import get_rng_state as get_rng_state
from minigrad.random import initial_seed as initial_seed
from minigrad.random import manual_seed as manual_seed
from minigrad.random import seed as seed
from minigrad.random import set_rng_state as set_rng_state

# isort: split
from minigrad import autograd as autograd
from minigrad import cuda as cuda
from minigrad import nn as nn
from minigrad import optim as optim
from minigrad import utils as utils

# PyTorch's other names
device = Device
bool = boolean
half, float, double = float16, float32, float64
short, int, long = int16, int32, int64
absolute, clip, subtract, multiply, divide, true_divide = abs, clamp, sub, mul, div, div
concat = concatenate = cat
swapaxes = transpose

__version__ = "0.1.0"
