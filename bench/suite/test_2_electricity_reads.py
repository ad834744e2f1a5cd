"""What an electricity meter says: registers, tariff, configuration, identity, logs."""

from __future__ import annotations

import pytest

from bench.home import Home
from bench.requests import Period, dlms
from bench.rows import rows
from bench.security_log import check_times
from bench.target import Reply, Target
from protocols.gbcs.roles import RemotePartyRole
from protocols.instant import DAY, HALF_HOUR, HOUR, text

WATT_HOUR, WATT = 30, 27


def import_registers(reply: Reply) -> tuple[int, int]:
    """Active (Wh) and reactive (varh) import from the answer to ECS17b."""
    collection = reply.data[0].value[0].value
    reply.expect("unit of active import", (0, WATT_HOUR), tuple(part.value for part in collection[1].value))
    return int(collection[0].value), int(collection[2].value)


@pytest.mark.use_case("ECS17b")
def test_import_register_follows_the_load(home: Home, esme: Target) -> None:
    """Two hours of a known load raise the import register by what independent arithmetic says."""
    home.pass_to(HALF_HOUR)
    before, _ = import_registers(esme.ask(dlms("ECS17b", title="Read import registers")))
    began = esme.now
    home.pass_time(2 * HOUR - 1)
    reply = esme.ask(dlms("ECS17b", title="Read import registers two hours later"))
    after, _ = import_registers(reply)
    expected = esme.section.load.watt_hours_between(began, esme.now)
    reply.within("energy imported since", expected, after - before, 1, "Wh")


@pytest.mark.use_case("ECS17b")
def test_network_operator_reads_import_registers(esme: Target) -> None:
    """The network operator may read them too, and can open what is encrypted for it."""
    operator = RemotePartyRole.NETWORK_OPERATOR
    reply = esme.ask(dlms("ECS17b", title="Read import registers as the network operator"), sender=operator)
    active, _ = import_registers(reply)
    reply.that("active import", "a register", active, good=active >= 0)


@pytest.mark.use_case("ECS17c")
def test_active_power(esme: Target) -> None:
    """The power read is the load that is applied, which moves by a quarter from minute to minute at most."""
    reply = esme.ask(dlms("ECS17c", title="Read active power import"))
    total, unit, _ = reply.data[0].value
    reply.expect("unit", (0, WATT), tuple(part.value for part in unit.value))
    expected = esme.section.load.watts_at(esme.now)
    reply.within("active power import", expected, total.value, expected // 4, "W")


@pytest.mark.use_case("ECS24")
def test_tariff(esme: Target) -> None:
    """The tariff is complete: the price matrix has its eighty cells, each threshold list three."""
    reply = esme.ask(dlms("ECS24", title="Read tariff"))
    reply.expect("values", 17, len(reply.data))
    for column, thresholds in enumerate(reply.data[6:14], 1):
        reply.expect(f"block thresholds of column {column}", 3, len(thresholds.value))
    reply.expect("cells of the price matrix", 80, len(reply.data[16].value[2].value))


@pytest.mark.use_case("ECS24")
def test_tariff_for_an_unknown_party(esme: Target) -> None:
    """The access control broker may ask on behalf of a party that the meter does not know."""
    request = dlms("ECS24", title="Read tariff on behalf of an unknown party")
    reply = esme.ask(request, on_behalf_of=RemotePartyRole.WAN_PROVIDER)
    reply.expect("values", 17, len(reply.data))


@pytest.mark.use_case("ECS26b")
def test_voltage_configuration(esme: Target) -> None:
    """The ten settings of voltage monitoring can be read."""
    reply = esme.ask(dlms("ECS26b", title="Read voltage configuration"))
    reply.expect("values", 10, len(reply.data))


@pytest.mark.use_case("ECS26j")
def test_payment_mode(esme: Target) -> None:
    """The payment mode is credit or prepayment."""
    reply = esme.ask(dlms("ECS26j", title="Read payment mode"))
    mode = reply.data[0].value[0].value
    reply.that("payment mode", "1 (credit) or 2 (prepayment)", mode, good=mode in (1, 2))


@pytest.mark.use_case("ECS26m")
def test_identity(esme: Target) -> None:
    """Variant, model, manufacturer and tamper state can be read; the variant is one of the three."""
    reply = esme.ask(dlms("ECS26m", title="Read identity, type and tamper state"))
    variant = reply.data[0].value
    shown = variant.decode("ascii", "replace") if isinstance(variant, bytes) else variant
    reply.that("variant", "A, B or C", shown, good=variant in (b"A", b"B", b"C"))


@pytest.mark.use_case("ECS52")
def test_firmware_version(esme: Target) -> None:
    """The meter runs the firmware that the rig says."""
    reply = esme.ask(dlms("ECS52", title="Read firmware version"))
    found = reply.data[0].value.hex().upper()
    reply.expect("firmware version", esme.firmware or found, found)


@pytest.mark.use_case("ECS66")
def test_daily_consumption(home: Home, esme: Target) -> None:
    """After two days the daily consumption log holds a whole day of the known load."""
    home.pass_time(48 * HOUR)
    period = Period(esme.now - 25 * HOUR, esme.now)
    reply = esme.ask(dlms("ECS66", period=period, title="Read daily consumption log"))
    days = rows(reply.data[0].value[0])
    reply.that("days in the log", "at least one", len(days), good=bool(days))
    end, energy = days[-1]
    reply.expect("end of the day", text((end + DAY // 2) // DAY * DAY), text(end))
    expected = esme.section.load.watt_hours_between(end - DAY, end)
    reply.within("consumption of a whole day", expected, int(energy), 1, "Wh")


@pytest.mark.use_case("ECS22b")
def test_half_hour_profile(home: Home, esme: Target) -> None:
    """The half-hours of an hour of known load each hold half of an hour's energy, stamped with their end."""
    home.pass_time(HOUR)
    end = esme.now // HALF_HOUR * HALF_HOUR
    period = Period(end - HOUR + 1, end)
    reply = esme.ask(dlms("ECS22b", period=period, title="Read half-hour profile"))
    found = rows(reply.data[0].value[0])
    reply.expect("ends of the half-hours", [text(end - HALF_HOUR), text(end)], [text(row[0]) for row in found])
    for at, energy, *_ in found:
        expected = esme.section.load.watt_hours_between(at - HALF_HOUR, at)
        reply.within("energy of a half-hour", expected, int(energy), 1, "Wh")


@pytest.mark.use_case("ECS35a")
def test_event_log(esme: Target) -> None:
    """The event log can be read; its entries lie in the period asked for and are in order."""
    period = Period(esme.now - 86400, esme.now)
    reply = esme.ask(dlms("ECS35a", period=period, title="Read event log"))
    times = check_times(reply, period)
    reply.expect("order of the entries", sorted(times), times)


@pytest.mark.use_case("ECS35b")
def test_security_log(esme: Target) -> None:
    """The security log can be read; its entries lie in the period asked for."""
    period = Period(esme.now - 86400, esme.now)
    reply = esme.ask(dlms("ECS35b", period=period, title="Read security log"))
    check_times(reply, period)
