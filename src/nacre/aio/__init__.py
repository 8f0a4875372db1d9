"""asyncio around the sans-I/O protocol: the driver, channels and streams. Knows no feature."""
