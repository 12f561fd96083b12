"""A table of patients to a paper's tables and figures."""
