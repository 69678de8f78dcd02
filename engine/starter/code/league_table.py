import sys


class Team:
    def __init__(self, name):
        self.name = name
        self.points = 0
        self.scored = 0
        self.conceded = 0
        self.played = 0

    def result(self, own, other):
        self.played += 1
        self.scored += own
        self.conceded += other
        if own > other:
            self.points += 3
        elif own == other:
            self.points += 1

    @property
    def diff(self):
        return self.scored - self.conceded

    def key(self):
        return (-self.points, -self.diff, -self.scored, self.name)


def table(results):
    """results: iterable of (home, away, home goals, away goals)"""
    teams = {}
    for home, away, hg, ag in results:
        for name in (home, away):
            if name not in teams:
                teams[name] = Team(name)
        teams[home].result(hg, ag)
        teams[away].result(ag, hg)
    return sorted(teams.values(), key=Team.key)


if __name__ == "__main__":
    res = []
    for line in open(sys.argv[1]):
        h, a, score = line.split()
        x, y = score.split(":")
        res.append((h, a, int(x), int(y)))
    for pos, t in enumerate(table(res), 1):
        print(pos, t.name.ljust(12), t.played, t.points, "%+d" % t.diff)
