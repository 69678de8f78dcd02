"""Single elevator, keeps its direction as long as there is work ahead."""

FLOOR_SECONDS = 3
DOOR_SECONDS = 8


class Elevator:
    def __init__(self, floor=0, step=1):
        self.floor = floor
        self.step = step
        self.pending = set()
        self.clock = 0
        self.stops = []
        self.turns = 0

    def request(self, floor):
        self.pending.add(floor)

    def open_doors(self):
        self.pending.discard(self.floor)
        self.stops.append(self.floor)
        self.clock += DOOR_SECONDS

    def run(self):
        while self.pending:
            if self.floor in self.pending:
                self.open_doors()
                continue
            if not any((f - self.floor) * self.step > 0 for f in self.pending):
                self.step = -self.step
                self.turns += 1
            self.floor += self.step
            self.clock += FLOOR_SECONDS
        return self.stops


def main():
    e = Elevator(floor=4, step=-1)
    for f in (7, 2, 5, 2, 0):
        e.request(f)
    print("stops", e.run(), "seconds", e.clock, "turns", e.turns)


if __name__ == "__main__":
    main()
