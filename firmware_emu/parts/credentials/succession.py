"""When a new root takes the place of the one that a device holds (GBCS 13.3; RFC 4210 4.4, RFC 5934 4.1).

The rules of the real infrastructure for its roots are not public, so these are inferred, from what the two RFCs do. A
*normal* replacement is vouched for by the root that goes: it has signed the new root's key. The certificate that says
so is the one to be installed, or it stands in the certification path beside a self-signed one with the same name and
key. An *abnormal* one, by the contingency key, needs no such word, since the old root is not trusted any more; the
new root then signs itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from protocols.instant import Instant
from protocols.smki.certificate import Certificate, CertificateKind
from protocols.smki.check import TrustAnchor, check, signed_by


def succeeds(
    new: Certificate,
    held: TrustAnchor | None,
    path: Iterable[Certificate],
    at: Instant | None,
    *,
    abnormal: bool = False,
) -> bool:
    """True if ``new`` may follow ``held``. ``at`` None leaves validity out."""
    if not _may_sign_for_others(new):
        return False
    own = new.subject == new.issuer and signed_by(new, new.public_point)
    if abnormal:
        return own
    links = [new, *(each for each in path if own and is_same_authority(each, new))]
    return held is not None and any(_vouches(held, link, at) for link in links)


def is_same_authority(one: Certificate, other: Certificate) -> bool:
    """Whether two certificates are about one name and key."""
    return (one.subject, one.public_point) == (other.subject, other.public_point)


def _may_sign_for_others(root: Certificate) -> bool:
    """A root that allows no authority below itself could vouch for nobody."""
    return root.is_authority and root.path_length != 0


def _vouches(held: TrustAnchor, link: Certificate, at: Instant | None) -> bool:
    """True if the root that a device holds has itself signed this certificate; one of its own key is no new root."""
    return _may_sign_for_others(link) and not check(link, held, at, kind=CertificateKind.AUTHORITY)
