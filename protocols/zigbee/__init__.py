"""ZigBee: the cluster library, Smart Energy clusters, and what else travels on the home area network."""
