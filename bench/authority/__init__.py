"""The laboratory's key infrastructure: authorities, registration, repository and revocation lists for test keys.

Everything that it issues is for testing only. Nothing is imported here, so that a command pays for what it needs; the
public names are those of the modules.
"""
