"""DLMS/COSEM: data values and application protocol data units."""
