"""Scale a recipe to another number of servings."""
from fractions import Fraction
from math import ceil, floor

TSP = {"tsp": 1, "tbsp": 3, "cup": 48}


def parse(amount):
    # "1 1/2 cup" -> (Fraction(3, 2), "cup")
    parts = amount.split()
    return sum(Fraction(p) for p in parts[:-1]), parts[-1]


def pretty(value):
    whole, rest = divmod(value, 1)
    if not rest:
        return str(whole)
    return "%d %s" % (whole, rest) if whole else str(rest)


def scale(amount, factor):
    value, unit = parse(amount)
    value *= factor
    if unit == "egg":
        return "%d egg" % ceil(value)       # no half eggs
    if unit == "g":
        return "%d g" % floor(value + Fraction(1, 2))
    spoons = value * TSP[unit]
    unit = "cup" if spoons >= 12 else "tbsp" if spoons >= 3 else "tsp"
    quarters = max(1, floor(spoons / TSP[unit] * 4 + Fraction(1, 2)))
    return pretty(Fraction(quarters, 4)) + " " + unit


PANCAKES = {"flour": "1 1/2 cup", "milk": "300 g", "egg": "2 egg", "sugar": "2 tbsp", "salt": "1/2 tsp"}


def main():
    people = int(input("How many people? "))
    for what, amount in PANCAKES.items():
        print(what.rjust(8), scale(amount, Fraction(people, 4)))


if __name__ == "__main__":
    main()
