"""A session with one BMC, from login to logout, with every failure in words."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from pyghmi.exceptions import IpmiException, PyghmiException
from pyghmi.ipmi.command import Command
from pyghmi.ipmi.console import Console

from luna_bmc_ipmi import sentences
from luna_bmc_ipmi.login import PRIVILEGES, Login, login_for
from luna_bmc_ipmi.session import SESSIONS, Session
from luna_bmc_ipmi.watch import Lost, Watch
from luna_core.errors import LunaError
from luna_core.types import BmcTarget

# What pyghmi says when it has sent its last retry, which may be before the administrator's time-out.
_GAVE_UP = ("timeout", "Session no longer connected")


class _LoginFailed(Exception):
    """Carries pyghmi's text."""


class Connection:
    """Commands to a BMC that luna is logged in to."""

    def __init__(self, login: Login, watch: Watch) -> None:
        self._login = login
        self._watch = watch

    def send(self, network_function: int, command: int, *data: int) -> bytes:
        """Send a command and return the data of its answer. Raises IpmiException with the completion code."""
        response = self.pyghmi().xraw_command(netfn=network_function, command=command, data=data)
        return bytes(response["data"])

    def pyghmi(self) -> Any:
        """A `Command` of pyghmi's, which finds the session that is logged in with the same words."""
        login = self._login
        return Command(login.address, login.user, login.password, port=login.port, kg=login.kg)

    def console(self, show: Callable[[Any], None]) -> Any:
        """A `Console` of pyghmi's on the same session; `show` gets the node's bytes, and news as dictionaries."""
        login = self._login
        return Console(login.address, login.user, login.password, show, port=login.port, kg=login.kg)

    def be_patient(self, timeout_s: float) -> None:
        """From now on let the BMC be silent for so long."""
        self._watch.timeout_s = timeout_s


@contextmanager
def connected(bmc: BmcTarget) -> Iterator[Connection]:
    """A session with `bmc` for the duration of a `with`; raises LunaError in words for whatever goes wrong in it."""
    login = login_for(bmc)
    watch = Session.watch = Watch(login.address, login.port, bmc.timeout_s)
    session = None
    try:
        session = _logged_in(login, watch)
        yield Connection(login, watch)
    except Lost as reason:
        raise sentences.lost(bmc, login, reason, heard=watch.heard) from None
    except _LoginFailed as error:
        raise sentences.not_logged_in(bmc, login, str(error)) from None
    except IpmiException as error:
        raise _in_words(bmc, login, error) from error
    except LunaError:
        raise
    except Exception as error:  # pyghmi's decoders raise whatever comes of what BMCs send
        raise sentences.not_understood(bmc, error) from error
    finally:
        _leave(session)
        watch.close()


def _logged_in(login: Login, watch: Watch) -> Session:
    while True:
        answers: list[dict[str, Any]] = []
        session = SESSIONS[login.cipher_suites](
            *(login.address, login.user, login.password),
            port=login.port,
            kg=login.kg,
            onlogon=answers.append,
            privlevel=PRIVILEGES[login.privilege],
        )
        try:
            while not answers:
                Session.wait_for_rsp(1)
        except BaseException:
            _leave(session)
            raise
        error = answers[0].get("error")
        if error is None:
            session.within_command = False
            return session
        if error not in _GAVE_UP:
            raise _LoginFailed(error)
        watch.check()


def _in_words(bmc: BmcTarget, login: Login, error: IpmiException) -> LunaError:
    if str(error) in _GAVE_UP:
        return sentences.lost(bmc, login, Lost(), heard=True)
    return sentences.refused(bmc, login, error.ipmicode, str(error))


def _leave(session: Session | None) -> None:
    """Log out without waiting for an answer, and have pyghmi forget the session in any case."""
    if session is not None:
        session.incommand = False  # else the farewell waits for the answer that didn't come
        with suppress(Lost, PyghmiException):
            session.logout() if session.logged else session._mark_broken()
