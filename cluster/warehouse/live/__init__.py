"""Windows of the live service on their way to the lake: journal and flush."""
