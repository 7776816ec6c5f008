"""Video in: what a file holds, and its pictures at the analysis rate; and cameras, live."""
