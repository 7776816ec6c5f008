"""The rules that counted activities before the classifier: the named baseline of the score."""
