"""Linear feedback shift register, for the blinking lamp toy."""
import argparse


class LFSR:
    def __init__(self, width, taps, seed):
        self.width = width
        self.taps = taps
        self.state = seed & ((1 << width) - 1)
        if not self.state:
            raise ValueError("seed must not be 0")

    def next_bit(self):
        out = self.state & 1
        # parity of the tapped bits
        x = self.state & self.taps
        feedback = 0
        while x:
            x &= x - 1
            feedback ^= 1
        self.state = self.state >> 1 | feedback << (self.width - 1)
        return out


def longest_run(bits):
    best = run = 0
    prev = None
    for b in bits:
        run = run + 1 if b == prev else 1
        best = max(best, run)
        prev = b
    return best


if __name__ == "__main__":
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--width", type=int, default=5)
    ap.add_argument("--taps", type=int, default=0b00101)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("-n", type=int, default=31)
    a = ap.parse_args()
    reg = LFSR(a.width, a.taps, a.seed)
    bits = [reg.next_bit() for _ in range(a.n)]
    print("".join(map(str, bits)), "state", reg.state, "longest run", longest_run(bits))
