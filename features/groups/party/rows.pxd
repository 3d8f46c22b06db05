cimport cython

from features.table.coded cimport rows_of
from features.texts.phrases cimport numbers

@cython.locals(
    known="const int[:]", known_of_text="const int[:]", opened="const long long[:]", declared="const long long[:]",
    shipment="const long long[:]", matrix="double[:, :]", row=Py_ssize_t, since="long long", age="long long", code=int,
)
cpdef account_columns(table, dict known_of, out)

@cython.locals(
    sender="const int[:]", receiver="const int[:]", place="const int[:]", sender_place="const int[:]",
    of_sender="const int[:]", of_receiver="const int[:]", of_place="const unsigned char[:]",
    matrix="double[:, :]", row=Py_ssize_t, code=int, bits=int, forwarder=int, has_consignee=bint,
)
cpdef kind_columns(table, consignor, consignee, address, out)

cdef double _is_trader(int bits) noexcept nogil

@cython.locals(
    phone="const int[:]", email="const int[:]", country="const int[:]", consignee_phone="const int[:]",
    consignee_email="const int[:]", consignee_country="const int[:]", postcode="const int[:]", free="const unsigned char[:]",
    prefix="const signed char[:]", prefixes="const int[:]", digits_of="const int[:]",
    american="const int[:]", matrix="double[:, :]", row=Py_ssize_t, code=int, count=int,
)
cpdef contact_columns(table, free_mail, dialled, dialled_in, digits, in_united_states, out)

@cython.locals(
    nature="const int[:]", agent="const int[:]", of_nature="const int[:]", matrix="double[:, :]", row=Py_ssize_t,
    claim=int,
)
cpdef claim_columns(table, dict nature_of, out)

@cython.locals(
    sender="const int[:]", receiver="const int[:]", matrix="double[:, :]", row=Py_ssize_t, first=str, second=str,
    senders=list, receivers=list, same=bint,
)
cpdef same_name_column(table, fold, out)
