"""Face chips and embeddings: one protocol, an engine for dlib and one for InsightFace."""
