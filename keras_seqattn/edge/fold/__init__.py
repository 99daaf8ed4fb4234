"""Exact rewrites of a graph: less to compute, and less to lose by quantisation."""
