"""The way of live windows to the lake: journal and flush."""
