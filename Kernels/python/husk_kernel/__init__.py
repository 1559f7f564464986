"""The Python side of Husk's kernel: IPython behind a channel of shared memory.

Neither ZeroMQ nor Jupyter's client library is imported: the server outside the sandbox speaks the protocol.
"""

__version__ = "0.1.0"
