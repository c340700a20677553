"""Looking at passwords in threads of their own: however many people sign in at once, they wait for each other and no page waits behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar

T = TypeVar("T")
_THREADS: Final = ThreadPoolExecutor(
    1, thread_name_prefix="passwords"
)  # a password that is looked at keeps every core busy by itself


async def apart(work: Callable[..., T], *given: Any) -> T:
    """What `work` gives, done in a thread for passwords. Raises what it raises."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, partial(work, *given))
