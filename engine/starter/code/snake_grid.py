"""Snake without graphics (logic only, the curses part lives elsewhere)."""

STEPS = {"U": (-1, 0), "D": (1, 0), "L": (0, -1), "R": (0, 1)}
OPPOSITE = {"U": "D", "D": "U", "L": "R", "R": "L"}


class Snake:
    def __init__(self, rows, cols, foods):
        self.rows = rows
        self.cols = cols
        self.body = [(rows // 2, cols // 2)]   # head first
        self.foods = list(foods)
        self.last = None
        self.alive = True

    def move(self, key):
        if not self.alive:
            return
        if len(self.body) > 1 and self.last == OPPOSITE[key]:
            return  # can't turn round on the spot
        self.last = key
        dr, dc = STEPS[key]
        head = (self.body[0][0] + dr, self.body[0][1] + dc)
        if not (0 <= head[0] < self.rows and 0 <= head[1] < self.cols):
            self.alive = False
            return
        grow = bool(self.foods) and head == self.foods[0]
        if grow:
            self.foods.pop(0)
        else:
            self.body.pop()
        if head in self.body:
            self.alive = False
        self.body.insert(0, head)


if __name__ == "__main__":
    s = Snake(6, 6, [(3, 4), (1, 4)])
    for k in "RUULLD":
        s.move(k)
    print(s.body, s.alive)
