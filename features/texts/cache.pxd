cimport cython

from features.texts.declared cimport fetch

cdef class Placed:
    cdef public object values
    cdef public list new
    cdef public object places
    cdef int[::1] at
    cdef public long long first
    cdef public Py_ssize_t room

cdef class Pairs:
    cdef public Placed texts
    cdef public object codes, classes
    cdef const int[::1] code, class_

    @cython.locals(keys=list, at='int[::1]', row=Py_ssize_t, code=int, text='long long')
    cpdef list keys(self, long long classes)
    cpdef Pairs take(self, list rows)
    @cython.locals(new=set, fresh=dict, others=dict, row=Py_ssize_t, code=int)
    cpdef tuple distinct_texts(self)

cdef class Generation:
    cdef dict places
    cdef long long first

cdef class Texts:
    cdef object _lock
    cdef Generation _generation
    cdef Py_ssize_t _most

    cpdef Placed placed(self, list texts)
    cpdef Placed placed_pairs(self, Pairs pairs, long long classes)
    @cython.locals(generation=Generation, known=dict, at='int[::1]', new=list, i=Py_ssize_t)
    cdef Placed _placed(self, object values, list keys)
    @cython.locals(i=Py_ssize_t)
    cdef _enter(self, dict known, list keys, list new, int[::1] places)

cdef class Held:
    cdef long long first
    cdef object array
    cdef double[:, ::1] rows
    cdef signed char[::1] filled

    cdef become(self, rows, filled)

cdef class TextRows:
    cdef object _compute, _lock
    cdef double[::1] _missing
    cdef Py_ssize_t _width
    cdef Held _held

    @cython.locals(at='int[::1]', rows='double[:, ::1]', missing='double[::1]', n=Py_ssize_t, width=Py_ssize_t, row=Py_ssize_t,
                   k=Py_ssize_t, code=Py_ssize_t, place=int)
    cpdef fill(self, Placed texts, const int[::1] codes, double[:, :] matrix, Py_ssize_t column)
    cpdef of(self, Placed texts)
    @cython.locals(rows='double[:, ::1]', at='int[::1]', n=Py_ssize_t, number='int[::1]', row=Py_ssize_t,
                   code=Py_ssize_t)
    cpdef numbers(self, Placed texts, const int[::1] codes=*)
    @cython.locals(rows='double[:, ::1]', at='int[::1]', i=Py_ssize_t)
    cpdef list marked(self, Placed texts)
    @cython.locals(held=Held, filled='signed char[::1]', at='int[::1]', room=Py_ssize_t, new=dict, i=Py_ssize_t, place=int)
    cdef Held _held_for(self, Placed texts)
    @cython.locals(indices=list, places=list, some=list, start=Py_ssize_t)
    cdef _learn(self, Held held, Placed texts, dict new)
    @cython.locals(room=Py_ssize_t)
    cdef _make_room(self, Held held, Py_ssize_t most, Py_ssize_t needed)
    @cython.locals(row=Py_ssize_t, place=Py_ssize_t, k=Py_ssize_t)
    cdef _keep(self, Held held, list places, const double[:, :] rows)
    @cython.locals(row=Py_ssize_t, place=Py_ssize_t)
    cdef _keep_numbers(self, Held held, list places, list numbers)

@cython.locals(code=str)
cpdef list as_subheadings(list codes)

@cython.locals(n=Py_ssize_t, row=Py_ssize_t, found=bint)
cpdef bint any_missing(const int[::1] codes)

@cython.locals(of_value='int[::1]', n_values=Py_ssize_t, i=Py_ssize_t, n=Py_ssize_t, row=Py_ssize_t, code=int)
cpdef positions(dict known, list values, const int[::1] codes, int[:, ::1] target, Py_ssize_t column)
