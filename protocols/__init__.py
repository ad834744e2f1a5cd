"""What travels on the wire: codecs and state machines without input, output or a clock of their own."""
