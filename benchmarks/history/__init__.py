"""asv's suites: every operation and kernel of the checkout, over the commits of the repository.

`operations` and `expressions` make the benchmarks, `cells` what they share, `profiles` says how
much of them is measured, `listing` where their names come from, `measured` is the package that a
commit installed, `facts` what is checked once a commit before anything is timed.
"""

import sys
from pathlib import Path

# asv has only this folder on its path
sys.path.insert(0, _above := str(Path(__file__).parents[1]))
import blas_timeout

sys.path.remove(_above)
blas_timeout.here()
