"""One file per engine, each defining `ENGINE` (see `benchmarks.catalogue.Engine`)."""
