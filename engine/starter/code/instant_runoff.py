"""Instant runoff count for club elections.

Ballot file: one line per kind of ballot, e.g.   BAC 5
means five voters ranked B first, then A, then C.
"""
import sys
from collections import Counter


def read_ballots(lines):
    for line in lines:
        if line.strip():
            ranking, n = line.split()
            yield ranking, int(n)


def count_round(ballots, standing):
    votes = Counter({c: 0 for c in standing})
    for ranking, n in ballots:
        for c in ranking:
            if c in standing:
                votes[c] += n
                break
    return votes


def runoff(ballots):
    standing = {c for ranking, _ in ballots for c in ranking}
    rounds = []
    while True:
        votes = count_round(ballots, standing)
        rounds.append(dict(votes))
        best = min(votes, key=lambda c: (-votes[c], c))
        if len(standing) == 1 or votes[best] * 2 > sum(votes.values()):
            return best, rounds
        # lowest one is out; tie -> the later letter goes
        worst = max(votes, key=lambda c: (-votes[c], c))
        standing.discard(worst)


if __name__ == "__main__":
    winner, rounds = runoff(list(read_ballots(sys.stdin)))
    for i, r in enumerate(rounds, 1):
        print("round", i, " ".join("%s=%d" % kv for kv in sorted(r.items())))
    print("elected:", winner)
