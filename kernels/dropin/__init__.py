"""`einbench.einsum`, in place of `numpy.einsum`: chosen by measurement, remembered, looked up."""
