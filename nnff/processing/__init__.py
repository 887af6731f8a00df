"""Changing data, weights or representations so that what is learned from them is fairer.

Where a library has it, the library is used: imbalanced-learn and Fairlearn come with ``nnff[debias]``.
"""

from nnff.processing.resampling import SensitiveResampler, resampling_weights

__all__ = ["SensitiveResampler", "resampling_weights"]
