"""What gas costs: tariff, price matrix, block thresholds, calorific value, conversion factor, billing period (ZSE D.4).

The part holds what is in force and gives it to whoever asks; ``tariff`` is the form that the engines take.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from protocols.gbcs.gbz import Component
from protocols.instant import DAY, Instant
from protocols.zigbee.smart_energy import command_named
from protocols.zigbee.smart_energy_common import PRICE
from protocols.zigbee.zcl import ClusterCommand

from ...dated_commands import CANCEL_FFFFFFFE, DatedCommand
from ...dated_commands import serve as serve_dated
from ...engines.gas_periods import next_period
from ...engines.tariff import Pricing, Tariff, gas_pricing
from ...engines.tariff_calendar import Calendar
from ...part import NEVER, Part
from ...refusals import ZCL_NOT_FOUND, ZclFailed
from ...zcl_server import Reply
from ...zcl_values import Held, fields_of, require, serve
from .calendar import TARIFF

if TYPE_CHECKING:
    from ...device import Device
    from .calendar import GasCalendars

BLOCKS = TIERS = 4
BY_BLOCK, BY_TIER = 0, 1
"""Sub-payload control of a price matrix."""
QUIET_PRICE_READS = (0x009F, PRICE)
"""The one read in clear whose answer disables the default response."""
KWH_DECIMALS = 1000
"""Thresholds count 0.001 kWh while the multiplier is 1 and the divisor this. Inferred."""
UNIT_M3 = 1
_PUBLISH_PRICE = command_named("Publish Price")
_PUBLISH_BILLING = command_named("Publish Billing Period")

_ROWS = (
    *(Held(PRICE, 0x0100 + place, "thresholds", place) for place in range(BLOCKS - 1)),
    *(Held(PRICE, 0x0400 + place, "block_prices", place) for place in range(BLOCKS)),
    *(Held(PRICE, 0x0410 + 0x10 * place, "tier_prices", place) for place in range(TIERS)),
    Held(PRICE, 0x0202, "multiplier"),
    Held(PRICE, 0x0203, "divisor"),
    Held(PRICE, 0x0300, "commodity"),
    Held(PRICE, 0x0301, "standing_charge"),
    Held(PRICE, 0x0302, "conversion_factor"),
    Held(PRICE, 0x0303, "conversion_factor_digit"),
    Held(PRICE, 0x0304, "calorific_value"),
    Held(PRICE, 0x0305, "calorific_value_unit"),
    Held(PRICE, 0x0306, "calorific_value_digit"),
    Held(PRICE, 0x0615, "tariff_unit"),
    Held(PRICE, 0x0616, "currency"),
    Held(PRICE, 0x0617, "trailing_digit"),
)


@dataclass(slots=True)
class GasPriceState:
    """Money in 10^-5 of the currency unit; thresholds as sent; periods are payloads of their commands.

    ``issuer_event`` of the tariff is 0 before the first one. ``said_price`` is a current price that the maker set.
    """

    issuer_event: int = 0
    scheme: int = 0
    tiers: int = 0
    thresholds_in_use: int = 0
    thresholds: list[int] = field(default_factory=lambda: [0] * (BLOCKS - 1))
    multiplier: int = 1
    divisor: int = KWH_DECIMALS
    block_prices: list[int] = field(default_factory=lambda: [0] * BLOCKS)
    tier_prices: list[int] = field(default_factory=lambda: [0] * TIERS)
    tariff_unit: int = 0
    currency: int = 0x033A
    trailing_digit: int = 0x50
    standing_charge: int = 0
    commodity: int = 1
    conversion_factor: int = 102264
    conversion_factor_digit: int = 0x50
    calorific_value: int = 400
    calorific_value_unit: int = 1
    calorific_value_digit: int = 0x10
    billing_period: bytes = b""
    block_period: bytes = b""
    said_price: bytes = b""


class GasPrice(Part):
    """Serves the price cluster. ``before_change`` hears of a new tariff before, ``listeners`` after it is in force."""

    name = "gas price"
    State = GasPriceState
    state: GasPriceState

    def __init__(self, calendars: GasCalendars) -> None:
        super().__init__()
        self._calendars = calendars
        self.before_change: list[Callable[[], None]] = []
        self.before_tariff: list[Callable[[], None]] = []
        self.listeners: list[Callable[[], None]] = []
        self.active_block: Callable[[], int] = lambda: 0
        """The block that is being used, from 0; the metrology knows."""

    def attach(self, device: Device) -> None:
        super().attach(device)
        serve(self, _ROWS, self._changed)
        zcl = device.zcl
        zcl.quiet_reads.add(QUIET_PRICE_READS)
        for dated in (
            DatedCommand(command_named("Publish Tariff Information"), self._set_tariff, "start_time"),
            DatedCommand(
                command_named("Publish Price Matrix"), self._set_prices, "start_time", CANCEL_FFFFFFFE, _check_prices
            ),
            DatedCommand(
                command_named("Publish Block Thresholds"),
                self._set_thresholds,
                "start_time",
                CANCEL_FFFFFFFE,
                _check_thresholds,
            ),
        ):
            serve_dated(device, dated)
        zcl.command(PRICE, 0x01, self._set_block_period, to_client=True)
        zcl.command(PRICE, 0x02, self._set_conversion_factor, to_client=True)
        zcl.command(PRICE, 0x03, self._set_calorific_value, to_client=True)
        zcl.command(PRICE, 0x09, self._set_billing_period, to_client=True)
        zcl.command(PRICE, 0x00, self._get_current_price, preset=self._preset_price)
        zcl.command(PRICE, 0x0B, self._get_billing_period, preset=self._preset_billing_period)

    # for other parts

    @property
    def is_block(self) -> bool:
        """Prices go by blocks, not by time of use."""
        return self.state.scheme >> 4 == 1

    def pricing(self) -> Pricing:
        """How litres turn into money."""
        return gas_pricing(*self._conversion())

    def _conversion(self) -> tuple[int, int]:
        """Calorific value in 10^-1 and conversion factor in 10^-5, whatever their decimals."""
        state = self.state
        value = state.calorific_value * 10 ** (9 - (state.calorific_value_digit >> 4))
        factor = state.conversion_factor * 10 ** (9 - (state.conversion_factor_digit >> 4))
        return value // 10**8, factor // 10**4

    def tariff(self) -> Tariff:
        """The tariff in force; thresholds in litres."""
        state = self.state
        return Tariff(
            self._calendars.table(TARIFF),
            tuple(state.tier_prices),
            tuple((price,) for price in state.block_prices),
            (tuple(map(self._litres, state.thresholds[: state.thresholds_in_use])),),
            state.standing_charge,
        )

    def _litres(self, threshold: int) -> int:
        """The first whole litre that reaches a threshold, which is in kWh. Inferred: the counters are in m3."""
        weight, divisor = self.pricing()
        energy = threshold * self.state.multiplier * divisor
        return -(-energy // (weight * max(1, self.state.divisor))) if weight else 0

    def next_billing(self, after: Instant) -> Instant | None:
        """The end of the running billing period, later than ``after``; None without a billing calendar."""
        return _next(self.state.billing_period, "billing_period", after)

    def next_block_period(self, after: Instant) -> Instant | None:
        """When the block counters start anew."""
        return _next(self.state.block_period, "block_period", after)

    # publishing

    def _set_tariff(self, fields: Any) -> None:
        for tell in self.before_tariff:
            tell()
        self._before()
        state = self.state
        state.issuer_event = fields["issuer_event_id"]
        state.scheme = fields["tariff_type_and_charging_scheme"]
        state.tiers = fields["number_of_price_tiers_in_use"]
        state.thresholds_in_use = fields["number_of_block_thresholds_in_use"]
        state.tariff_unit = fields["unit_of_measure"]
        state.currency = fields["currency"]
        state.trailing_digit = fields["price_trailing_digit"]
        state.standing_charge = fields["standing_charge"]
        state.multiplier = fields["block_threshold_multiplier"]
        state.divisor = fields["block_threshold_divisor"]
        self._changed()

    def _set_prices(self, fields: Any) -> None:
        self._before()
        by_block = fields["sub_payload_control"] == BY_BLOCK
        prices = self.state.block_prices if by_block else self.state.tier_prices
        for cell in fields["prices"]:
            prices[cell.tier_or_block - (0 if by_block else 1)] = cell.price
        self._changed()

    def _set_thresholds(self, fields: Any) -> None:
        self._before()
        thresholds = fields["block_thresholds"][0].thresholds
        self.state.thresholds[:] = [*thresholds, *[0] * (BLOCKS - 1 - len(thresholds))]
        self._changed()

    def _set_conversion_factor(self, component: Component) -> None:
        fields = fields_of(component)
        self._before()
        self.state.conversion_factor = fields["conversion_factor"]
        self.state.conversion_factor_digit = fields["conversion_factor_trailing_digit"]
        self._changed()

    def _set_calorific_value(self, component: Component) -> None:
        fields = fields_of(component)
        self._before()
        self.state.calorific_value = fields["calorific_value"]
        self.state.calorific_value_unit = fields["calorific_value_unit"]
        self.state.calorific_value_digit = fields["calorific_value_trailing_digit"]
        self._changed()

    def _set_billing_period(self, component: Component) -> None:
        fields = fields_of(component)
        _check_period(fields["billing_period_duration"], fields["billing_period_duration_type"])
        self.state.billing_period = component.plaintext()
        self._changed()

    def _set_block_period(self, component: Component) -> None:
        fields = fields_of(component)
        _check_period(fields["block_period_duration"], fields["block_period_duration_type"])
        self.state.block_period = component.plaintext()
        self._changed()

    def _before(self) -> None:
        for tell in self.before_change:
            tell()

    def _changed(self) -> None:
        self.state.said_price = b""
        self.touch()
        for tell in self.listeners:
            tell()

    # reading

    def _get_current_price(self, _component: Component) -> Sequence[Reply]:
        state, now = self.state, self.device.now
        if state.said_price:
            return [Reply(ClusterCommand(_PUBLISH_PRICE, _PUBLISH_PRICE.fields.decode(state.said_price)))]
        if not state.issuer_event:
            raise ZclFailed(ZCL_NOT_FOUND)
        tier, price = self._current()
        return [
            Reply(
                _PUBLISH_PRICE.make(
                    issuer_event_id=state.issuer_event,
                    current_time=now,
                    unit_of_measure=UNIT_M3,
                    currency=state.currency,
                    trailing_digit_and_price_tier=state.trailing_digit & 0xF0 | tier,
                    price_tiers_and_register_tier=state.tiers << 4 & 0xF0 | tier,
                    duration=(DAY - now % DAY) // 60,  # prices change at midnight only
                    price=price,
                )
            )
        ]

    def _current(self) -> tuple[int, int]:
        if self.is_block:
            return 0, self.state.block_prices[self.active_block()]
        tier = min(max(1, Calendar(self._calendars.table(TARIFF)).selector(self.device.now)), TIERS)
        return tier, self.state.tier_prices[tier - 1]

    def _preset_price(self, _asked: ClusterCommand, answers: Sequence[ClusterCommand]) -> None:
        self.state.said_price = answers[0].encode() if answers else b""
        self.touch()

    def _get_billing_period(self, component: Component) -> Sequence[Reply]:
        held = self.state.billing_period
        if not held:
            raise ZclFailed(ZCL_NOT_FOUND)
        fields = _PUBLISH_BILLING.fields.decode(held)
        lowest = fields_of(component)["min_issuer_event_id"]
        if lowest != 0xFFFFFFFF and fields["issuer_event_id"] < lowest:
            raise ZclFailed(ZCL_NOT_FOUND)
        return [Reply(ClusterCommand(_PUBLISH_BILLING, fields), quiet=False)]

    def _preset_billing_period(self, _asked: ClusterCommand, answers: Sequence[ClusterCommand]) -> None:
        self.state.billing_period = answers[0].encode() if answers else b""
        self.touch()
        for tell in self.listeners:
            tell()

    def due_after(self, after: Instant) -> Instant:
        """The next end of a billing or block period."""
        moments = (self.next_billing(after), self.next_block_period(after))
        return min((moment for moment in moments if moment is not None), default=NEVER)


_PERIODS = {"billing_period": _PUBLISH_BILLING, "block_period": command_named("Publish Block Period")}


def _next(payload: bytes, name: str, after: Instant) -> Instant | None:
    if not payload:
        return None
    fields = _PERIODS[name].fields.decode(payload)
    return next_period(fields[f"{name}_start_time"], fields[f"{name}_duration"], fields[f"{name}_duration_type"], after)


def _check_period(duration: int, duration_type: int) -> None:
    require(duration > 0 and duration_type & 15 in (1, 2, 3))


def _check_prices(fields: Any) -> None:
    require(fields["sub_payload_control"] in (BY_BLOCK, BY_TIER))
    first = fields["sub_payload_control"]
    require(all(first <= cell.tier_or_block < first + BLOCKS for cell in fields["prices"]))


def _check_thresholds(fields: Any) -> None:
    sets = fields["block_thresholds"]
    require(len(sets) == 1 and len(sets[0].thresholds) < BLOCKS)
    require(tuple(sorted(sets[0].thresholds)) == sets[0].thresholds)
