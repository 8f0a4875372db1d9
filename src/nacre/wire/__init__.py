"""SSH data types, and every message as one declared class. Knows `nacre.errors` alone."""
