cimport cython
from libc.math cimport exp, log, sqrt

from features.texts.words cimport TokenisedTexts

cdef class CodeWeights:
    cdef readonly object chapters, headings, heading_ends, chapter_prior, heading_prior, declared
    cdef readonly double chapter_scale, heading_scale, heading_doubt
    cdef const float[:, ::1] _chapters, _headings, _declared
    cdef const int[::1] _heading_ends
    cdef const float[::1] _chapter_prior, _heading_prior

cdef class Reading:
    cdef readonly object vectors, chapters, doubt, vague, silent
    cdef float[:, ::1] _vectors, _chapters
    cdef readonly double[::1] _doubt, _vague
    cdef readonly unsigned char[::1] _silent

@cython.locals(n=Py_ssize_t, known='double[:, ::1]', measures='double[:, ::1]', silent='unsigned char[::1]',
               vague='const double[::1]', least=double, row=Py_ssize_t)
cpdef fill_reading(TokenisedTexts texts, const double[:, ::1] rows, CodeWeights weights, tuple coefficients,
                   double vague_flagged, Reading reading)

@cython.locals(slots='const int[::1]', words='const int[::1]', ends='const int[::1]', width=Py_ssize_t, position=Py_ssize_t, row=Py_ssize_t,
               k=Py_ssize_t, count=Py_ssize_t, naming_words=double, vague=double, slot=Py_ssize_t, share=float)
cpdef fill_vectors(TokenisedTexts texts, const double[:, ::1] rows, float[:, ::1] vectors, double[:, ::1] known)

@cython.locals(matrix='const float[:, ::1]', scale=float, width=Py_ssize_t, chapters=Py_ssize_t, row=Py_ssize_t, c=Py_ssize_t,
               k=Py_ssize_t, value=float, largest=float, total=float)
cpdef fill_chapters(const float[:, ::1] vectors, CodeWeights weights, float[:, ::1] out)

@cython.locals(vectors='const float[:, ::1]', chapters='const float[:, ::1]', doubt='const double[::1]',
               silent='const unsigned char[::1]', matrix='const float[:, ::1]', prior='const float[::1]', given='const float[::1]', declared='const float[:, ::1]',
               ends='const int[::1]', heading_scale=float, heading_doubt=double, width=Py_ssize_t, count=Py_ssize_t,
               view='float[::1]', pair=Py_ssize_t, text=Py_ssize_t, chapter=Py_ssize_t, heading=Py_ssize_t, share=double,
               c=Py_ssize_t, first=Py_ssize_t, largest=float, h=Py_ssize_t, score=float, k=Py_ssize_t, total=float, certain=double)
cpdef fill_fit(Reading reading, const int[::1] text_of, const int[:, ::1] codes, CodeWeights weights, double[:, ::1] out)

@cython.locals(chapters='const float[:, ::1]', doubt='const double[::1]', prior='const float[::1]', row=Py_ssize_t, certain=double,
               largest=double, share=double, c=Py_ssize_t, value=double)
cpdef fill_shares(Reading reading, CodeWeights weights, const unsigned char[::1] chemical, double chemical_prior,
                  double[:, ::1] out)

@cython.locals(row=Py_ssize_t, largest=double, c=Py_ssize_t, odds=double, total=double, share=double, letters=double, digits=double,
               both=double)
cpdef fill_statistics(const float[:, ::1] chapters, const double[:, ::1] known, const int[:, ::1] counts, double[:, ::1] out)

@cython.locals(size=Py_ssize_t, more=Py_ssize_t, row=Py_ssize_t, total=double, k=Py_ssize_t, value=double)
cpdef fill_logistic(const double[:, ::1] statistics, const float[:, ::1] vectors, const double[:, ::1] known,
                    const double[::1] coefficients, double least, double[::1] out)
