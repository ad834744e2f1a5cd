"""The arithmetic of a living meter: tariff, money, demand, voltage, load limit; no protocol, no device, no clock.

Every engine is deterministic: time comes in as an ``Instant``, events go out as values, and what must survive a power
cut is one plain dataclass that a part keeps as its state. Energy is whole Wh (gas: whole litres), money is whole
millipence, 10^-5 of the currency unit.
"""
