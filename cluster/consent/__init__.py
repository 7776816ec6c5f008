"""The rules of consent, without storage: shared by face roll call and check-ins."""
