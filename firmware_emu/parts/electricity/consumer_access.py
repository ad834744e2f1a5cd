"""What the consumer's devices may ask of an electricity meter over the home area network (SMETS2 5.5.5, 5.6.4).

Displays read energy, power, price and balance. A prepayment display also tops up, activates emergency credit and
closes an armed switch (PECS01 to 03); a load switch of the home asks what is scheduled for it (HECS01). These four
are logged with their message codes as what was done, or not, over the network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from protocols.eui64 import Eui64
from protocols.instant import DAY
from protocols.zigbee.smart_energy import command_named
from protocols.zigbee.smart_energy_common import LOAD_CONTROL, MESSAGING, METERING, PREPAYMENT, PRICE

from ...han_commands import DONE, NOT_DONE
from ...part import Part
from ...refusals import ZCL_FAILURE, ZclFailed
from ...zcl_server import Reply
from ..token_gateway import TokenResult
from .auxiliary_control import Kind, Target
from .load_switch import Supply

if TYPE_CHECKING:
    from protocols.gbcs.gbz import Component
    from protocols.zigbee.zcl import ClusterCommand

    from ...device import Device
    from ..token_gateway import TokenGateway
    from .account import AccountPart
    from .auxiliary import Auxiliary
    from .han_face import HanFace
    from .load_switch import LoadSwitch
    from .metrology import Metrology
    from .supply import Supply as SupplyPart

SERVED: dict[int, frozenset[int]] = {
    PRICE: frozenset({0x00}),
    LOAD_CONTROL: frozenset({0x00, 0x01}),
    METERING: frozenset({0x08, 0x0C}),
    MESSAGING: frozenset({0x00, 0x01}),
    PREPAYMENT: frozenset({0x00, 0x04}),
}
"""Commands of the consumer's devices, by cluster."""

TOP_UP, EMERGENCY_CREDIT, ENABLE_SUPPLY, CONTROL_REQUEST = 0x0116, 0x0117, 0x0118, 0x0119
SUPPLY_ON = 2
SUPPLY_STATUS = {Supply.DISABLED: 0, Supply.ARMED: 1, Supply.ENABLED: 2}
_MOVED = {Supply.ENABLED: 0x10, Supply.DISABLED: 0x11, Supply.ARMED: 0x12}
"""The result of a top-up that moved the supply. Inferred: without a movement it is plainly accepted."""
ON_OFF_LOADS = 0x0080
LONGEST_EVENT = DAY // 60
"""Minutes that a load switch is told at most; it asks again before they are over."""
_NOTHING = -1
_TRAILING_DIGIT = 0x50
_UNTIL_CHANGED = 0xFFFF
_KWH, _THOUSAND = 0, 1000


class ConsumerAccess(Part):
    """Serves the clusters; ``face`` decides who may use them."""

    name = "consumer access"

    def __init__(
        self,
        face: HanFace,
        metrology: Metrology,
        account: AccountPart,
        gateway: TokenGateway,
        switch: LoadSwitch,
        auxiliary: Auxiliary,
        supply: SupplyPart,
    ) -> None:
        super().__init__()
        self._face, self._metrology, self._account = face, metrology, account
        self._gateway, self._switch, self._auxiliary, self._supply = gateway, switch, auxiliary, supply
        self._events = 0

    def attach(self, device: Device) -> None:
        super().attach(device)
        zcl = device.zcl
        reads: tuple[tuple[int, int, Callable[[], Any]], ...] = (
            (METERING, 0x0000, lambda: self._metrology.state.primary.total + self._metrology.state.secondary.total),
            (METERING, 0x0014, lambda: SUPPLY_STATUS[self._switch.supply]),
            (METERING, 0x0207, lambda: self._supply.power_level()),
            (METERING, 0x0300, lambda: _KWH),
            (METERING, 0x0301, lambda: 1),
            (METERING, 0x0302, lambda: _THOUSAND),
            (METERING, 0x0400, lambda: sum(self._metrology.watts())),
            (PREPAYMENT, 0x0001, lambda: self._account.money()[1]),
            (PREPAYMENT, 0x0002, lambda: self._account.money()[0]),
            (PREPAYMENT, 0x0005, lambda: self._account.money()[5]),
        )
        for cluster, attribute, read in reads:
            zcl.attribute(cluster, attribute, self._settled(read))
        zcl.command(PRICE, 0x00, self._price)
        zcl.command(PREPAYMENT, 0x04, self._top_up)
        zcl.command(PREPAYMENT, 0x00, self._activate_emergency)
        zcl.command(METERING, 0x0C, self._enable_supply)
        zcl.command(LOAD_CONTROL, 0x01, self._scheduled)
        zcl.command(LOAD_CONTROL, 0x00, lambda _report: None)
        self._auxiliary.listeners.append(self._moved)

    def _settled(self, read: Callable[[], Any]) -> Callable[[], Any]:
        def settle_and_read() -> Any:
            self._metrology.settle()
            return read()

        return settle_and_read

    def _price(self, _component: Component) -> Sequence[Reply]:
        self._metrology.settle()
        now = self.device.now
        price = self._metrology.meters()[0].active_price(now)
        published = command_named("Publish Price").make(
            provider_id=0,
            issuer_event_id=0,
            current_time=now,
            unit_of_measure=_KWH,
            trailing_digit_and_price_tier=_TRAILING_DIGIT,
            price_tiers_and_register_tier=0,
            start_time=now,
            duration=_UNTIL_CHANGED,
            price=max(0, price),
        )
        return [Reply(published)]

    # commands of a prepayment display

    def _top_up(self, component: Component) -> Sequence[Reply]:
        fields: Any = component.content
        before = self._switch.supply
        result = self._gateway.enter_locally((fields["top_up_code"] or b"").decode("latin-1"))
        self._log(TOP_UP, done=result is TokenResult.ACCEPTED)
        shown, value, rest = int(result), _NOTHING, _NOTHING
        if result is TokenResult.ACCEPTED:
            value, rest = self._gateway.last_amount, self._account.money()[1]
            shown = int(result) if self._switch.supply is before else _MOVED[self._switch.supply]
        answer = command_named("Consumer Top Up Response").make(
            result_type=shown, top_up_value=value, source_of_top_up=fields["originating_device"], credit_remaining=rest
        )
        return [Reply(answer)]

    def _activate_emergency(self, _component: Component) -> None:
        active = self._account.activate_emergency()
        self._log(EMERGENCY_CREDIT, done=active)
        if not active:
            raise ZclFailed(ZCL_FAILURE)

    def _enable_supply(self, component: Component) -> None:
        """Only switching on may be asked, and only from armed."""
        fields: Any = component.content
        done = fields["proposed_supply_status"] == SUPPLY_ON and self._switch.enable_locally()
        self._log(ENABLE_SUPPLY, done=done)
        if not done:
            raise ZclFailed(ZCL_FAILURE)

    # load switches of the home

    def _scheduled(self, _component: Component) -> Sequence[Reply]:
        number = self._number_of(self._face.source)
        self._log(CONTROL_REQUEST, done=number is not None)
        if number is None:
            raise ZclFailed(ZCL_FAILURE)
        return [Reply(self._event(self._auxiliary.level(number)))]

    def _moved(self, target: Target) -> None:
        """The level of a controller is another one: a switch of the home is told at once."""
        if self._auxiliary.kind(target.number) is Kind.HAN_SWITCH:
            identifier = self._auxiliary.state.identifiers[target.number - 1]
            self._face.tell(Eui64(identifier), self._event(target.level))

    def _event(self, level: int) -> ClusterCommand:
        now = self.device.now
        self._events += 1
        seconds = self._auxiliary.next_change(now) - now
        return command_named("Load Control Event").make(
            issuer_event_id=now + self._events & 0xFFFFFFFF,
            device_class=ON_OFF_LOADS,
            start_time=now,
            duration=max(1, min(-(-seconds // 60), LONGEST_EVENT)),
            duty_cycle=level,
        )

    def _number_of(self, device: Eui64) -> int | None:
        """Which controller a device of the home is, or None."""
        for number, identifier in enumerate(self._auxiliary.state.identifiers, 1):
            if identifier == device and self._auxiliary.kind(number) is Kind.HAN_SWITCH:
                return number
        return None

    def _log(self, message_code: int, *, done: bool) -> None:
        self.device.alerts.event(DONE if done else NOT_DONE, other=message_code.to_bytes(2, "big"))
