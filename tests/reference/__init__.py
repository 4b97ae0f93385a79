"""Plain twins of the compiled kernels: written from the definitions and papers, for reading and for checking."""
