cimport cython


cdef class Generation:
    cdef readonly long long first
    cdef dict slots
    cdef dict stores
    cdef Py_ssize_t characters

cdef class TextSlots:
    cdef public object values
    cdef public list new
    cdef public object slots
    cdef public Generation generation
    cdef public Py_ssize_t room
    cdef int[::1] slot

cdef class TextPairs:
    cdef public TextSlots texts
    cdef public object codes, classes
    cdef readonly const int[::1] code, class_

    @cython.locals(keys=list, slot='int[::1]', row=Py_ssize_t, code=int, text='long long')
    cpdef list keys(self, long long classes)
    @cython.locals(of_text=list, lengths=list, row=Py_ssize_t, code=int)
    cpdef list lengths(self)
    cpdef TextPairs take(self, list rows)
    @cython.locals(new=set, first=dict, later=dict, row=Py_ssize_t, code=int)
    cpdef tuple distinct_texts(self)

cdef class TextIndex:
    cdef object _lock
    cdef Generation _generation
    cdef Py_ssize_t _capacity

    cpdef TextSlots look_up(self, list texts)
    cpdef TextSlots look_up_pairs(self, TextPairs pairs, long long classes)
    @cython.locals(generation=Generation, slots=dict, slot='int[::1]', new=list, i=Py_ssize_t, characters=Py_ssize_t,
                   length=Py_ssize_t, texts=TextSlots)
    cdef TextSlots _look_up(self, object values, list keys, bint are_texts, bint passing)
    @cython.locals(i=Py_ssize_t)
    cdef _enter(self, dict slots, list keys, list new, int[::1] found)

cdef class RowStore:
    cdef Generation generation
    cdef object array
    cdef double[:, ::1] rows
    cdef signed char[::1] filled

    cdef replace(self, rows, filled)

cdef class TextRows:
    cdef object _compute, _lock
    cdef double[::1] _missing
    cdef Py_ssize_t _width
    cdef RowStore _store

    @cython.locals(slot='int[::1]', rows='double[:, ::1]', missing='double[::1]', n=Py_ssize_t, width=Py_ssize_t,
                   row=Py_ssize_t, k=Py_ssize_t, code=Py_ssize_t, place=int)
    cpdef fill(self, TextSlots texts, const int[::1] codes, double[:, :] matrix, Py_ssize_t column)
    @cython.locals(slot='int[::1]', rows='double[:, ::1]', missing='double[::1]', row=Py_ssize_t, code=int, number=int)
    cpdef pick(self, TextSlots texts, const int[::1] codes, const int[::1] numbers, double[:, :] matrix, Py_ssize_t column)
    cpdef of(self, TextSlots texts)
    @cython.locals(rows='double[:, ::1]', slot='int[::1]', n=Py_ssize_t, number='int[::1]', row=Py_ssize_t,
                   code=Py_ssize_t)
    cpdef numbers(self, TextSlots texts, const int[::1] codes=*)
    @cython.locals(rows='double[:, ::1]', slot='int[::1]', i=Py_ssize_t)
    cpdef list nonzero(self, TextSlots texts)
    @cython.locals(store=RowStore, filled='signed char[::1]', slot='int[::1]', room=Py_ssize_t, new=dict, i=Py_ssize_t,
                   place=int, stores=dict)
    cdef RowStore _store_for(self, TextSlots texts)
    @cython.locals(indices=list, slots=list, lengths=list, batch=list, start=Py_ssize_t, end=Py_ssize_t, characters=Py_ssize_t)
    cdef _compute_rows(self, RowStore store, TextSlots texts, dict new)
    @cython.locals(room=Py_ssize_t)
    cdef _grow(self, RowStore store, Py_ssize_t most, Py_ssize_t needed)
    @cython.locals(row=Py_ssize_t, slot=Py_ssize_t, k=Py_ssize_t)
    cdef _store_rows(self, RowStore store, list slots, const double[:, :] rows)
    @cython.locals(row=Py_ssize_t, slot=Py_ssize_t)
    cdef _store_numbers(self, RowStore store, list slots, list numbers)

@cython.locals(code=str)
cpdef list national_digits_masked(list codes)

@cython.locals(of_value=list, row=Py_ssize_t, code=int)
cpdef fill_numbers(dict known, list values, const int[::1] codes, int[:, ::1] target, Py_ssize_t column)
