"""Changed rules over what was recorded: the present and the changed plant over the same samples.

In: points, from the record or from an InfluxDB export (line protocol, CSV), and the journal's events.
Out: what each set of rules made of them, and the real trips that the changed ones would have missed.
"""

from controller.backtest.points import points_of_csv, points_of_lines
from controller.backtest.rerun import Comparison, Outcome, Point, compare, rerun

__all__ = ["Comparison", "Outcome", "Point", "compare", "points_of_csv", "points_of_lines", "rerun"]
