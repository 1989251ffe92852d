"""One folder per group of workloads, each defining `WORKLOADS` (see `benchmarks.catalogue.Workload`)."""
