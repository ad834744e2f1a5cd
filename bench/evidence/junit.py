"""A run as JUnit XML, for the servers that collect test results.

A test suite is a device, a test case an exchange. FAIL becomes ``failure``, ERROR ``error``, INCONCLUSIVE and SKIPPED
``skipped``, each with the reason; requirement ids are properties of the test case.
"""

from __future__ import annotations

import re
from collections import defaultdict
from xml.etree import ElementTree as Xml  # only writes: nothing foreign is parsed

from .records import Exchange, RunRecord, Verdict, time_text

_ELEMENTS = {
    Verdict.FAIL: "failure",
    Verdict.ERROR: "error",
    Verdict.INCONCLUSIVE: "skipped",
    Verdict.SKIPPED: "skipped",
}
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(run: RunRecord) -> bytes:
    """The whole document, UTF-8."""
    root = Xml.Element("testsuites", {"name": f"meterbench {run.rig}", **_counts(run.exchanges)})
    by_device: dict[str, list[Exchange]] = defaultdict(list)
    for exchange in run.exchanges:
        by_device[exchange.device].append(exchange)
    for device, exchanges in by_device.items():
        _suite(root, run, device, exchanges)
    _clean(root)
    Xml.indent(root)
    document: bytes = Xml.tostring(root, "utf-8", xml_declaration=True)
    return document


def _suite(root: Xml.Element, run: RunRecord, device: str, exchanges: list[Exchange]) -> None:
    suite = Xml.SubElement(root, "testsuite", {"name": device, "timestamp": time_text(run.started)[:19]})
    suite.attrib.update(_counts(exchanges))
    head = {"rig": run.rig, "rig_sha256": run.rig_sha256, "seed": run.seed, "version": run.version}
    head |= {f"package {name}": version for name, version in run.packages}
    for record in run.devices:
        if record.name == device:
            head |= {"type": record.type, "eui64": record.eui64.hex().upper(), "firmware": record.firmware}
            head |= {"updated to": record.updated_to} if record.updated_to else {}
    _properties(suite, [(name, str(value)) for name, value in head.items()])
    for exchange in exchanges:
        _case(suite, exchange)


def _case(suite: Xml.Element, exchange: Exchange) -> None:
    members = {"classname": exchange.device, "name": f"{exchange.use_case} {exchange.title}".strip()}
    case = Xml.SubElement(suite, "testcase", {**members, "time": f"{exchange.seconds:.3f}"})
    _properties(case, [("requirement", identifier) for identifier in exchange.requirements])
    element = _ELEMENTS.get(exchange.verdict)
    if element is None:
        return
    made = Xml.SubElement(case, element, {"message": f"{exchange.verdict.value}: {exchange.reason}"})
    if element != "skipped":
        made.set("type", exchange.verdict.value)
    made.text = "\n".join(
        f"{check.verdict.value} {check.name}: expected {check.expected}, found {check.found}"
        for check in exchange.checks
    )


def _counts(exchanges: list[Exchange] | tuple[Exchange, ...]) -> dict[str, str]:
    elements = [_ELEMENTS.get(exchange.verdict) for exchange in exchanges]
    return {
        "tests": str(len(exchanges)),
        "failures": str(elements.count("failure")),
        "errors": str(elements.count("error")),
        "skipped": str(elements.count("skipped")),
        "time": f"{sum(exchange.seconds for exchange in exchanges):.3f}",
    }


def _properties(parent: Xml.Element, members: list[tuple[str, str]]) -> None:
    if members:
        holder = Xml.SubElement(parent, "properties")
        for name, value in members:
            Xml.SubElement(holder, "property", {"name": name, "value": value})


def _clean(root: Xml.Element) -> None:
    """Replace the characters that XML cannot hold at all; a device may have put them into any text."""
    for element in root.iter():
        element.text = _NOT_XML.sub("\ufffd", element.text) if element.text else element.text
        for name, value in element.attrib.items():
            element.set(name, _NOT_XML.sub("\ufffd", value))
