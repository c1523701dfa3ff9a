"""How much memory a piece of code allocates."""

import tracemalloc


class TracedMemory:
    """Trace what is allocated inside a ``with``; ``peak`` is the most at once, in bytes."""

    peak: int

    def __enter__(self) -> "TracedMemory":
        tracemalloc.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
