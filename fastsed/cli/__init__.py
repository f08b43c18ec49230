"""The commands, one module each: a command line in, an exit status out."""

import os

# before numpy starts them: BLAS threads would only idle beside ours
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
