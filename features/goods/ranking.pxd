cimport cython
from libc.math cimport exp

@cython.locals(chapter_prior='const float[::1]', heading_prior='const float[::1]', subheading_prior='const float[::1]',
               headings='const float[:, ::1]', subheadings='const float[:, ::1]', heading_ends='const int[::1]',
               subheading_ends='const int[::1]', parts='double[::1]', part=double, heading_scale=float, subheading_scale=float,
               heading_trust=double, subheading_trust=double, count=Py_ssize_t, scores='double[::1]', remaining='double[::1]',
               row=Py_ssize_t, place=Py_ssize_t, trust=double, code=Py_ssize_t, rank=Py_ssize_t, chapter=Py_ssize_t,
               heading=Py_ssize_t, share=double, certain=double, first=Py_ssize_t, end=Py_ssize_t)
cpdef fill_likeliest(const float[:, ::1] vectors, const float[:, ::1] chapters, const double[::1] doubt, object model,
                     int[:, ::1] ids, double[:, ::1] shares)

@cython.locals(width=Py_ssize_t, most=double, code=Py_ssize_t, score=float, a=float, b=float, c=float, d=float,
               k=Py_ssize_t, total=double)
cpdef void fill_shares(const float[:, ::1] vectors, Py_ssize_t row, const float[:, ::1] matrix, Py_ssize_t first, Py_ssize_t end,
                       float scale, double[::1] out)

@cython.locals(place=Py_ssize_t, first=Py_ssize_t)
cpdef void enter(int[:, ::1] ids, double[:, ::1] shares, double[::1] parts, Py_ssize_t row, Py_ssize_t level, Py_ssize_t code,
                 double share, double part)
