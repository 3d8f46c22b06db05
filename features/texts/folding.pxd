"""C types of `features.texts.folding`."""

cpdef str folded(str text)
cpdef tuple words(str text)
