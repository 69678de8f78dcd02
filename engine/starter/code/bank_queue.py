"""Bank branch simulation - how long do people stand in line?"""
import random

PATIENCE = 9  # minutes, after that they walk out


class Branch:
    def __init__(self, tellers, patience=PATIENCE):
        self.free_at = [0] * tellers
        self.patience = patience
        self.waits = []
        self.left = 0
        self.served = [0] * tellers

    def arrive(self, minute, service):
        # first teller that gets free, lowest desk number on ties
        desk = self.free_at.index(min(self.free_at))
        begin = max(minute, self.free_at[desk])
        wait = begin - minute
        if wait > self.patience:
            self.left += 1
            self.waits.append(None)
            return
        self.waits.append(wait)
        self.free_at[desk] = begin + service
        self.served[desk] += 1


def simulate(n=30, tellers=2):
    b = Branch(tellers)
    now = 0
    for _ in range(n):
        now += random.randint(0, 4)
        b.arrive(now, random.randint(2, 10))
    return b


if __name__ == "__main__":
    branch = simulate()
    ok = [w for w in branch.waits if w is not None]
    print("average wait %.1f, left: %d" % (sum(ok) / len(ok), branch.left))
    print("per desk:", branch.served)
