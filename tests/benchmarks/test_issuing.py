"""What issuing a device's certificate from its request costs, against one signature checked and one made."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from protocols.der import NEVER
from protocols.eui64 import Eui64
from protocols.smki.building import Validity
from protocols.smki.certificate import Certificate, CertificateKind
from protocols.smki.check import check_chain
from protocols.smki.infrastructure import BEGINS, key_pair, make_infrastructure
from protocols.smki.issuer import BulkIssuer
from protocols.smki.names import KeyUsage
from protocols.smki.request import CertificationRequest, grant

from .ratios import Operation, compare

REQUESTS = 10_000
PKI = make_infrastructure(b"issuing")
VERIFYING = ec.ECDSA(hashes.SHA256())
SIGNING = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)


def made_beforehand() -> list[CertificationRequest]:
    """Requests of as many devices, each for a key of its own."""
    made = []
    for number in range(REQUESTS):
        key = key_pair(number.to_bytes(4, "big"))
        use = (KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_AGREEMENT)[number % 2]
        made.append(CertificationRequest.make(Eui64(number.to_bytes(8, "big")), use, key.point, key.sign))
    return made


def floor_of(requests: list[CertificationRequest]) -> Operation:
    """For every request its signature checked, with a key that is loaded, and one made; nothing else."""
    private = ec.derive_private_key(0x1234567, ec.SECP256R1())
    curve = ec.SECP256R1()
    checks = [
        (
            ec.EllipticCurvePublicKey.from_encoded_point(curve, request.public_point),
            encode_dss_signature(*request.signature),
            request.info,
        )
        for request in requests
    ]

    def run() -> None:
        for key, signature, octets in checks:
            key.verify(signature, octets, VERIFYING)
            private.sign(octets, SIGNING)

    return run


def test_ten_thousand_device_certificates_from_their_requests(benchmark: Any) -> None:
    requests = made_beforehand()
    octets = [request.octets for request in requests]
    validity = Validity(BEGINS, NEVER)

    def run() -> list[bytes]:
        issuing = BulkIssuer(PKI.device_authority, validity)
        return [
            grant(issuing, CertificationRequest.decode(der), 1 << 126 | number, CertificateKind.DEVICE)
            for number, der in enumerate(octets)
        ]

    issued = [Certificate.decode(der) for der in run()]
    assert [certificate.entity for certificate in issued] == [request.entity for request in requests]
    assert not any(check_chain(certificate, PKI.authorities, PKI.trust_anchors) for certificate in issued[::500])
    benchmark.extra_info["certificates"] = REQUESTS
    compare(benchmark, run, floor_of(requests), 2.5, rounds=9)
