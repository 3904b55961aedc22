"""The peers' half of the benchmark. `../run` is its front door."""
