"""Token to expert assignment as in the routers of known mixture-of-experts models.

    import numpy as np, switchyard_moe as moe
    spec = moe.preset("mixtral", k=2)
    a = moe.assign(spec, np.random.randn(512, 8).astype(np.float32))
    a.expert, a.weight, a.demand          # arrays of numpy
    moe.measure(a)["maxvio"]
"""

from ._moe import *  # noqa: F401,F403
from ._moe import __doc__ as _names  # noqa: F401

__version__ = "0.1.0"
