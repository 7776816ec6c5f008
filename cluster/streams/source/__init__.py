"""Sources of live streams: addresses, connections, sockets, states, backoff."""
