from features.groups.history.address cimport split_addresses

cpdef list _addresses(list texts)

cpdef list _references(list texts)
