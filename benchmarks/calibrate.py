"""Two one-thread speeds of this machine, as JSON: CPU seconds of a 1200 x 1200 matrix product and of 4e6 exponentials.

Set the number of BLAS threads to one in the environment (OPENBLAS_NUM_THREADS and the like).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import numpy as np


def best(action: Callable[[], object], runs: int = 9) -> float:
    """Least CPU time of several runs: what others do on the machine matters little."""
    times = []
    for _ in range(runs):
        start = time.process_time()
        action()
        times.append(time.process_time() - start)
    return min(times)


def speeds() -> dict[str, float]:
    """Seconds of each."""
    matrix = np.random.default_rng(0).random((1200, 1200))
    numbers = np.random.default_rng(0).random(4_000_000)
    product, exponentials = np.empty_like(matrix), np.empty_like(numbers)
    return {
        "dgemm": best(lambda: np.matmul(matrix, matrix, out=product)),
        "exp": best(lambda: np.exp(numbers, out=exponentials)),
    }


if __name__ == "__main__":
    print(json.dumps(speeds()))
