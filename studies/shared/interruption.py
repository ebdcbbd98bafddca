"""Ctrl-C keeps what is finished: the loop ends, what is there is drawn or written, and only then the program stops."""

from types import TracebackType


class Interruption:
    """Ends a block at Ctrl-C instead of the program.

        with Interruption() as stop:
            for item in items:
                done.append(work(item))
        draw(done)              # what is finished
        stop.go_on()            # raises KeyboardInterrupt now, if there was one

    With nothing finished there is nothing to keep: `stop.go_on()` before the drawing, then.
    """

    def __init__(self) -> None:
        self.happened = False

    def __enter__(self) -> "Interruption":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> bool:
        self.happened = kind is not None and issubclass(kind, KeyboardInterrupt)
        return self.happened

    def go_on(self) -> None:
        """Go on if nobody pressed Ctrl-C; else stop now."""
        if self.happened:
            raise KeyboardInterrupt
