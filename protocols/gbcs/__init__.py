"""GBCS: message envelope, payloads, protection, keys, use cases, tokens."""
