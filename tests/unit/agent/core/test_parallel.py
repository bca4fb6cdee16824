"""One of many that are asked may fail, or never answer."""

from aipbx_agent.core.parallel import AT_ONCE, in_parallel


def test_one_that_fails_keeps_no_other_from_being_asked() -> None:
    def ask(number: int) -> int:
        if number < AT_ONCE:
            raise RecursionError
        return number

    assert in_parallel(range(AT_ONCE + 3), ask, -1) == [*[-1] * AT_ONCE, *range(AT_ONCE, AT_ONCE + 3)]
