"""Add up plank lengths given in any unit, for the saw list."""
import re
import sys

# tenths of a millimetre, so everything stays an int
UNITS = {"mm": 10, "cm": 100, "m": 10000, "in": 254, "ft": 3048}


def parse(piece):
    m = re.fullmatch(r"(\d+)\s*([a-z]+)", piece)
    if not m or m.group(2) not in UNITS:
        raise ValueError("what is this? " + piece)
    return int(m.group(1)) * UNITS[m.group(2)]


def total(pieces, kerf_mm=3):
    """Sum of the pieces plus one saw cut between neighbours."""
    return sum(parse(p) for p in pieces) + kerf_mm * 10 * (len(pieces) - 1)


def to_imperial(tenths):
    sixteenths = (tenths * 16 * 2 + 254) // (254 * 2)   # nearest
    inches, sixteenths = divmod(sixteenths, 16)
    feet, inches = divmod(inches, 12)
    return feet, inches, sixteenths


if __name__ == "__main__":
    pieces = sys.argv[1:] or ["3ft", "14in", "250mm"]
    t = total(pieces)
    f, i, s = to_imperial(t)
    print(t / 10, "mm")
    print(f"{f}' {i} {s}/16\"")
    longest = max(pieces, key=parse)
    print("longest piece:", longest)
