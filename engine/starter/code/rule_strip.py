"""Elementary cellular automata on a strip of cells.

usage: rule_strip.py RULE [STEPS]
"""
import sys


class Strip:
    def __init__(self, rule, cells, ring=True):
        self.rule = rule
        self.cells = cells
        self.ring = ring

    def cell(self, i):
        if 0 <= i < len(self.cells):
            return self.cells[i]
        if self.ring:
            return self.cells[i % len(self.cells)]
        return "."   # dead outside

    def step(self):
        new = ""
        for i in range(len(self.cells)):
            pattern = 0
            for j in (i - 1, i, i + 1):
                pattern = pattern * 2 + (self.cell(j) == "#")
            new += "#" if self.rule >> pattern & 1 else "."
        self.cells = new

    def alive(self):
        return self.cells.count("#")


if __name__ == "__main__":
    rule = int(sys.argv[1])
    steps = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    s = Strip(rule, "." * 30 + "#" + "." * 30)
    for _ in range(steps):
        print(s.cells, s.alive())
        s.step()
