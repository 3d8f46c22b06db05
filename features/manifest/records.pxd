cimport cython

cdef Py_ssize_t _N_HEAD, _N_ITEM, _NO_ITEM, _DESCRIPTION, _HS_CODE, _ITEM_NUMBER
cdef int _UNKNOWN, _FURTHER, _PARTY, _ITEM, _IGNORED
cdef dict _HEAD_PLACES, _ITEM_PLACES, _PARTY_PLACES
cdef tuple _HEAD_NAMES

cdef class Record:
    cdef public list texts, items, item_further, notes
    cdef public dict further

@cython.locals(
    given=dict, notes=list, fatal=list, texts=list, record=Record, flat_item=dict, places=dict, place=int, found=object,
    text=object,
)
cpdef Record read_record(object data)

@cython.locals(
    known=list, record=Record, items=list, texts=list, of_text=dict, text=object, found=object, row=Py_ssize_t,
    end=Py_ssize_t, k=Py_ssize_t, place=Py_ssize_t, n_head=Py_ssize_t, n_item=Py_ssize_t, code=int,
)
cpdef list encode_records(list records, int[:, ::1] codes)

@cython.locals(record=Record, own=dict)
cdef bint _have_further(list records) except -1

@cython.locals(given=dict, places=dict, text=object)
cdef object _read_party(str role, object value, list texts, list notes, list fatal)

@cython.locals(
    notes=list, given=list, index=Py_ssize_t, fields=dict, item=list, further=dict, place=int, found=object, filled=bint,
)
cdef object _read_items(object value, dict flat, Record record, list fatal)

cdef object _text(object name, object value, list notes, list fatal, Py_ssize_t item)

cdef bint _has_value(list item)

@cython.locals(count=Py_ssize_t, place=Py_ssize_t)
cdef Py_ssize_t _count_present(list texts, Py_ssize_t reference)

@cython.locals(n=Py_ssize_t)
cdef object _stripped(str text)
