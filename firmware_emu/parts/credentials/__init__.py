"""Trust anchors, own keys, joining: the ASN.1 commands that every device has."""
