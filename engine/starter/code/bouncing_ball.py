import math

G = 9.81

class Ball:
    """Rubber ball dropped on a hard floor, no air drag."""

    def __init__(self, height, e):
        self.peak = height
        self.e = e          # coefficient of restitution
        self.time = 0.0
        self.distance = 0.0
        self.peaks = []

    def fall(self):
        self.time += math.sqrt(2 * self.peak / G)
        self.distance += self.peak

    def rise(self):
        self.peak = self.peak * self.e ** 2
        self.time += math.sqrt(2 * self.peak / G)
        self.distance += self.peak
        self.peaks.append(self.peak)


def drop(height, e, stop_below=0.05):
    b = Ball(height, e)
    b.fall()
    # stop when the next jump would be too small to see
    while b.peak * e ** 2 >= stop_below:
        b.rise()
        b.fall()
    return b


for h in (1.0, 2.5, 10.0):
    b = drop(h, 0.7)
    print(h, "m:", len(b.peaks), "bounces,", round(b.distance, 2), "m in", round(b.time, 2), "s")
