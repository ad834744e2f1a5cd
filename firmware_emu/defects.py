"""Planned defects: faults that a firmware may be given, so that a test bench can be shown to find them.

Each is looked up at one place, by ``device.defective(name)``; the text says what the device then does.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from pkgutil import walk_packages
from typing import Final

ACCEPTS_REPLAYED_COUNTER: Final = "accepts-replayed-counter"
CHECKS_COUNTER_ON_READS: Final = "checks-counter-on-reads"
COUNTER_MOVES_ON_BAD_MAC: Final = "counter-moves-on-bad-mac"
ONE_COUNTER_FOR_ALL_ROLES: Final = "one-counter-for-all-roles"
COUNTER_STORED_AFTER_EXECUTION: Final = "counter-stored-after-execution"
ACCEPTS_WRONG_MAC: Final = "accepts-wrong-mac"
ACCEPTS_WRONG_SIGNATURE: Final = "accepts-wrong-signature"
IGNORES_ROLE: Final = "ignores-role"
IGNORES_RECIPIENT: Final = "ignores-recipient"
ANSWERS_REFUSED_COMMANDS: Final = "answers-refused-commands"
GOES_ON_AFTER_FAILURE: Final = "goes-on-after-failure"
CANCEL_MEANS_NOW: Final = "cancel-means-now"
ALERTS_GO_TO_WRONG_PARTY: Final = "alerts-go-to-wrong-party"
ENCRYPTS_WITH_HEADER_COUNTER: Final = "encrypts-with-header-counter"
TAKES_ANY_PARTY_KEY: Final = "takes-any-party-key"
DERIVES_WITHOUT_COUNTER: Final = "derives-without-counter"
SILENT_WHEN_NOTHING_FOUND: Final = "silent-when-nothing-found"
ALERTS_TO_LOSING_SUPPLIER: Final = "alerts-to-losing-supplier"
LOG_END_EXCLUDED: Final = "log-end-excluded"
REPORTS_TEN_SECONDS: Final = "reports-ten-seconds"
LOG_KEEPS_OLDEST: Final = "log-keeps-oldest"
CLEAR_LOG_CLEARS_SECURITY_LOG: Final = "clear-log-clears-security-log"

DEFECTS: dict[str, str] = {
    ACCEPTS_REPLAYED_COUNTER: "executes a protected command whose counter equals the last one",
    CHECKS_COUNTER_ON_READS: "checks counters also where the use case has no replay protection",
    COUNTER_MOVES_ON_BAD_MAC: "stores the counter of a command before its MAC and signature are checked",
    ONE_COUNTER_FOR_ALL_ROLES: "keeps one execution counter for all remote parties",
    COUNTER_STORED_AFTER_EXECUTION: "stores the counter only after the command was executed",
    ACCEPTS_WRONG_MAC: "does not compare the MAC",
    ACCEPTS_WRONG_SIGNATURE: "does not verify the signature",
    IGNORES_ROLE: "lets every known party send every use case",
    IGNORES_RECIPIENT: "takes messages that are addressed to another device",
    ANSWERS_REFUSED_COMMANDS: "answers a command whose counter is not new with a failure instead of silence",
    GOES_ON_AFTER_FAILURE: "executes what follows a failed instruction",
    CANCEL_MEANS_NOW: "takes the cancelling date-time for an immediate one",
    ALERTS_GO_TO_WRONG_PARTY: "sends the supplier's alerts to the network operator and the other way round",
    ENCRYPTS_WITH_HEADER_COUNTER: "encrypts for an unknown party with the counter of the header",
    TAKES_ANY_PARTY_KEY: "takes any certificate for that of an unknown party, whoever it names",
    DERIVES_WITHOUT_COUNTER: "derives the keys of its MACs with a counter of 0, so that none of them is right",
    SILENT_WHEN_NOTHING_FOUND: "does not answer at all where a gas command finds nothing",
    ALERTS_TO_LOSING_SUPPLIER: "still sends the supplier's alerts to the one before after a change of supplier",
    LOG_END_EXCLUDED: "leaves the entry at the end of the range out when a log is read by date",
    REPORTS_TEN_SECONDS: "takes a clock that is exactly ten seconds off for one that is too far off",
    LOG_KEEPS_OLDEST: "a full log throws the newest entry away instead of the oldest",
    CLEAR_LOG_CLEARS_SECURITY_LOG: "clearing the event log clears the security log too",
}
"""Other parts of a device add theirs with ``register_defect``."""


def known_defects() -> dict[str, str]:
    """Every planned defect of every part, with what it does."""
    package = import_module(".parts", __package__)
    for module in walk_packages(package.__path__, f"{package.__name__}."):
        import_module(module.name)
    return DEFECTS


def unknown_defect(name: str) -> str:
    """Words for a defect that nobody knows: the nearest names, or all of them."""
    near = get_close_matches(name, known_defects(), cutoff=0.5)
    return f"no such defect: {name!r}; " + (
        f"is it {' or '.join(near)}?" if near else f"known are {', '.join(sorted(DEFECTS))}"
    )


def register_defect(name: str, what: str) -> str:
    """Make a defect known under ``name``; returns the name. Raises ValueError for a name already taken."""
    if DEFECTS.setdefault(name, what) != what:
        raise ValueError(f"two defects named {name!r}")
    return name
