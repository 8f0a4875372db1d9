"""The agent that keeps a user's keys: listing them, signing with them, changing what it has (RFC 9987)."""
