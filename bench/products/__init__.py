"""Certified products: the list, the gate that every firmware update passes, and what happens when an entry lapses.

``listing``: the list. ``gate``: the checks, and ``ClearedImage``, without which no activation is built. ``lapse``:
what follows when a certificate expires. ``tables``: the list as CSV and JSON.
"""
