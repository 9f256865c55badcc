"""Faults at random: a short run of what tests/faults/chaos does for hours."""
from chaos import Chaos
from cluster import SANITIZED


def test_nothing_is_lost_in_chaos(make_cluster, seed):
    chaos = Chaos(make_cluster(nodes=3).start(), seed)
    for _ in range(1 if SANITIZED else 3):
        chaos.round()
