"""Operations on Dask: what runs in workers, and what a cluster's machines are."""
