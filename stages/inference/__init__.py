"""Models: what a stage asks of them, and the kinds of model that answer."""

from stages.inference.port import ChatRequest, Hint, Model, Role, Sampling
from stages.inference.stage import Inference

__all__ = ["ChatRequest", "Hint", "Inference", "Model", "Role", "Sampling"]
