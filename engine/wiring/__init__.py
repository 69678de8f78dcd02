"""A run's stages and models, built from its settings."""
