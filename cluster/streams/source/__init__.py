"""Where a stream comes from: addresses, connections, sockets, states, reconnecting."""
