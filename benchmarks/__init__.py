"""Benchmarks of minigrad against other engines: `python -m benchmarks --help`, read with docs/benchmarks.md.

A workload is a folder in `workloads`, an engine is a file in `engines`: adding either touches no other file.
"""
