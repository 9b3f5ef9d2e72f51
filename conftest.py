"""Tests behave the same in the background, where a shell or nohup(1) lets what it starts ignore these signals.

And on a loaded machine: how long one example of a property takes says nothing of luna.
"""

import signal

from hypothesis import HealthCheck, settings

settings.register_profile("luna", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("luna")


def pytest_configure() -> None:
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
