"""What a BMC's refusal or silence means, in a sentence for the administrator."""

import errno

from luna_bmc_ipmi.login import Login
from luna_bmc_ipmi.watch import Lost
from luna_core.errors import LunaError, Unsupported
from luna_core.types import BmcTarget

# Completion codes, IPMI 2.0, table 5-2.
NOT_NOW = 0xD5
_BUSY = {0xC0, 0xC3, 0xC4, 0xCE, 0xD0, 0xD1, 0xD2}
_UNKNOWN_COMMAND = {0xC1, 0xC2, 0xD6}
_NOT_PRIVILEGED = 0xD4
# Words of pyghmi's texts, which are all that it tells of a failed login; the codes are in IPMI 2.0, table 13-15.
_WRONG_PASSWORD = ("Incorrect password", "Invalid integrity check value")
_WRONG_USER = ("Unauthorized name", "Invalid user name", "Null user disabled", "Invalid username length")
_WRONG_PRIVILEGE = ("Invalid role", "privilege level")
_WRONG_KG = ("wrong Kg",)
_NO_SUITE = ("algorithm", "Cipher suite", "integrity payload", "MD5 required")
_NO_ROOM = ("Insufficient resources", "No available login slots", "Node Busy", "BMC initialization", "firmware update")


def who(bmc: BmcTarget) -> str:
    """The subject of a sentence about `bmc`."""
    return f"The BMC of {bmc.node} at {bmc.address}"


def not_logged_in(bmc: BmcTarget, login: Login, text: str) -> LunaError:
    """Why a login failed, from pyghmi's `text`."""
    if any(words in text for words in _NO_ROOM):
        return _busy(bmc, text)
    if any(words in text for words in _WRONG_PASSWORD):
        return LunaError(f"{who(bmc)} does not accept the password of user {bmc.username!r}.")
    if any(words in text for words in _WRONG_USER):
        return LunaError(f"{who(bmc)} knows no user {bmc.username!r} who may log in over the network.")
    if any(words in text for words in _WRONG_PRIVILEGE):
        return _not_privileged(bmc, login)
    if any(words in text for words in _WRONG_KG):
        remedy = "'luna bmcsetup change NAME --secret-option kg=ask' sets it, and kg= takes it away"
        return LunaError(f"{who(bmc)} has another Kg key: {remedy}.")
    if any(words in text for words in _NO_SUITE):
        return _no_suite(bmc, login, text)
    return LunaError(f"{who(bmc)} refused the login: {text}.")


def refused(bmc: BmcTarget, login: Login, code: int, text: str) -> LunaError:
    """Why a command failed, from its completion code and pyghmi's `text` for it."""
    if code in _BUSY:
        return _busy(bmc, text)
    if code == _NOT_PRIVILEGED:
        return _not_privileged(bmc, login)
    if code in _UNKNOWN_COMMAND:
        return Unsupported(f"{who(bmc)} can't do that: {text} (IPMI completion code 0x{code:02X}).")
    return LunaError(f"{who(bmc)} refused: {text} (IPMI completion code 0x{code:02X}).")


def lost(bmc: BmcTarget, login: Login, reason: Lost, *, heard: bool) -> LunaError:
    """Why the BMC isn't heard."""
    if reason.error and reason.error.errno == errno.ECONNREFUSED:
        return LunaError(
            f"Nothing at {bmc.address} listens on UDP port {login.port}, where {bmc.node} should have its BMC: "
            "it is no BMC, or its IPMI over LAN is off."
        )
    if reason.error:
        return LunaError(f"{who(bmc)} can't be reached: {reason.error.strerror}.")
    if heard:
        return LunaError(
            f"{who(bmc)} answered at first, but left the rest unanswered for {bmc.timeout_s:g} s; "
            "some BMCs do that when they are busy, others to a user that they don't know."
        )
    return LunaError(f"{who(bmc)} did not answer within {bmc.timeout_s:g} s.")


def not_understood(bmc: BmcTarget, error: Exception) -> LunaError:
    """The BMC sent something that pyghmi stumbled over."""
    return LunaError(f"{who(bmc)} answered in a way that luna doesn't understand ({type(error).__name__}: {error}).")


def _busy(bmc: BmcTarget, text: str) -> LunaError:
    return LunaError(f"{who(bmc)} is busy: {text}. Try again in a minute.")


def _not_privileged(bmc: BmcTarget, login: Login) -> LunaError:
    return LunaError(
        f"{who(bmc)} does not let user {bmc.username!r} do this with the privilege {login.privilege!r}: "
        "raise the user's privilege there, or change the option privilege of the bmcsetup."
    )


def _no_suite(bmc: BmcTarget, login: Login, text: str) -> LunaError:
    asked = " or ".join(str(suite) for suite in login.cipher_suites)
    return LunaError(
        f"{who(bmc)} refuses cipher suite {asked}: {text}. luna speaks 17 and 3 (option cipher_suite), "
        "so where 'ipmitool -C' gets through with another, one of these must be enabled there."
    )
