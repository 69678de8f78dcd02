# store little black/white sprites as run lengths

class Sprite:
    def __init__(self, rows):
        assert len({len(r) for r in rows}) == 1
        self.rows = rows

    @staticmethod
    def pack_row(row):
        out = ""
        run = 0
        for i, ch in enumerate(row):
            run += 1
            if i + 1 == len(row) or row[i + 1] != ch:
                out += (str(run) if run > 1 else "") + ch
                run = 0
        return out

    def pack(self):
        """A row equal to the one above becomes '='."""
        packed = []
        above = None
        for row in self.rows:
            packed.append("=" if row == above else self.pack_row(row))
            above = row
        return packed

    def saved(self):
        return sum(map(len, self.rows)) - sum(map(len, self.pack()))


HEART = [
    ".##.##.",
    "#######",
    "#######",
    ".#####.",
    "..###..",
    "...#...",
]

if __name__ == "__main__":
    s = Sprite(HEART)
    for line in s.pack():
        print(line)
    print("saved", s.saved(), "characters")
