# ten pin score sheet
import sys


def score_sheet(rolls):
    """List of running totals, one for each of the ten frames.

    `rolls` has to be a complete game.
    """
    totals = []
    total = 0
    i = 0
    for frame in range(10):
        if rolls[i] == 10:
            total += 10 + rolls[i + 1] + rolls[i + 2]
            i += 1
        elif rolls[i] + rolls[i + 1] == 10:
            total += 10 + rolls[i + 2]
            i += 2
        else:
            total += rolls[i] + rolls[i + 1]
            i += 2
        totals.append(total)
    return totals


def frames(totals):
    return [b - a for a, b in zip([0] + totals, totals)]


def best_frame(totals):
    fr = frames(totals)
    return fr.index(max(fr)) + 1


def main():
    # 10 3 7 4 2 ... as arguments
    rolls = [int(a) for a in sys.argv[1:]]
    totals = score_sheet(rolls)
    print(" ".join("%4d" % t for t in totals))
    print("best frame:", best_frame(totals))


if __name__ == "__main__":
    main()
