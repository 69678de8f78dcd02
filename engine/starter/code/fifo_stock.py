from collections import deque


class Stock(object):
    """First in, first out stock account for one article (prices in cents)."""

    def __init__(self):
        self.lots = deque()
        self.cost_sold = 0
        self.missed = 0

    def receive(self, qty, price):
        if self.lots and self.lots[-1][1] == price:
            self.lots[-1][0] += qty     # same price, same lot
        else:
            self.lots.append([qty, price])

    def ship(self, qty):
        while qty and self.lots:
            lot = self.lots[0]
            take = min(qty, lot[0])
            self.cost_sold += take * lot[1]
            lot[0] -= take
            qty -= take
            if lot[0] == 0:
                self.lots.popleft()
        self.missed += qty   # could not be delivered

    def value(self):
        return sum(q * p for q, p in self.lots)


if __name__ == "__main__":
    s = Stock()
    # TODO read from the journal file
    for kind, qty, price in [("in", 10, 250), ("in", 5, 270), ("out", 12, 0), ("out", 6, 0)]:
        if kind == "in":
            s.receive(qty, price)
        else:
            s.ship(qty)
        print(kind, qty, "-> value", s.value())
    print("cost of goods sold", s.cost_sold, "missed", s.missed)
