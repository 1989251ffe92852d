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

from minigrad.device import Device as device  # noqa: E402
from minigrad.dtypes import (  # noqa: E402
    boolean,
    can_cast,
    dtype,
    finfo,
    float16,
    float32,
    float64,
    get_default_dtype,
    iinfo,
    int8,
    int16,
    int32,
    int64,
    promote_types,
    set_default_dtype,
    uint8,
)
from minigrad.modes import (  # noqa: E402
    enable_grad,
    inference_mode,
    is_anomaly_enabled,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from minigrad.tensor import (  # noqa: E402
    Size,
    Tensor,
    as_tensor,
    asarray,
    from_dlpack,
    from_numpy,
    is_floating_point,
    is_tensor,
    numel,
    tensor,
)
from minigrad.ops.compare import *  # noqa: E402, F403
from minigrad.ops.copy import *  # noqa: E402, F403
from minigrad.ops.create import *  # noqa: E402, F403
from minigrad.ops.elementwise import *  # noqa: E402, F403
from minigrad.ops.index import *  # noqa: E402, F403
from minigrad.ops.linalg import *  # noqa: E402, F403
from minigrad.ops.reduce import *  # noqa: E402, F403
from minigrad.ops.shape import *  # noqa: E402, F403
from minigrad.printing import set_printoptions  # noqa: E402
from minigrad.random import (  # noqa: E402
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from minigrad import autograd, cuda  # noqa: E402

half, float, double = float16, float32, float64
short, int, long = int16, int32, int64
bool = boolean

subtract, multiply, divide, true_divide, absolute, clip = sub, mul, div, div, abs, clamp  # noqa: F405
concat = concatenate = cat  # noqa: F405
swapaxes = transpose  # noqa: F405
__version__ = "0.1.0"
