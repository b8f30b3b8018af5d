"""Personalized ranking for e-commerce, on Keras 3.

Importing this package imports nothing else: take what you need from its folders, for example
`from ranking.layers.attention_weighted_gate import AttentionWeightedGate`.
"""

__version__ = "0.1.0"
