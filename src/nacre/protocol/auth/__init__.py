"""Authentication (RFC 4252): one file a method, with both halves; client.py and server.py drive them."""
