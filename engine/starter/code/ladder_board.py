"""Two players, one die, ladders and chutes."""
import random

LAST = 30
JUMPS = {3: 11, 6: 17, 14: 4, 19: 8, 22: 29, 27: 1}


def advance(square, roll, last=LAST, jumps=JUMPS):
    square += roll
    if square > last:
        # too far: count the rest backwards
        square = 2 * last - square
    return jumps.get(square, square)


class Game:
    def __init__(self):
        self.squares = [0, 0]
        self.turn = 0
        self.rolls = 0

    def play(self, roll):
        self.rolls += 1
        self.squares[self.turn] = advance(self.squares[self.turn], roll)
        if self.squares[self.turn] == LAST:
            return self.turn
        if roll != 6:       # a six plays again
            self.turn = 1 - self.turn
        return None


def main():
    g = Game()
    winner = None
    while winner is None:
        winner = g.play(random.randint(1, 6))
        print(g.rolls, g.squares)
    print("player", winner + 1, "wins")


if __name__ == "__main__":
    main()
