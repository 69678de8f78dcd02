# fence around a set of trees: convex hull (monotone chain) + length + area
from math import hypot


def cross(o, a, b):
    return (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0])


def half(points):
    chain = []
    for p in points:
        while len(chain) >= 2 and cross(chain[-2], chain[-1], p) <= 0:
            chain.pop()
        chain.append(p)
    return chain


def hull(points):
    pts = sorted(set(points))
    if len(pts) < 3:
        return pts
    lower = half(pts)
    upper = half(pts[::-1])
    return lower[:-1] + upper[:-1]


def fence(points):
    """Return corners, length of fence, fenced area."""
    h = hull(points)
    length = area2 = 0
    for a, b in zip(h, h[1:] + h[:1]):
        length += hypot(b[0] - a[0], b[1] - a[1])
        area2 += a[0] * b[1] - a[1] * b[0]
    return h, length, area2 / 2


def main():
    trees = [(1, 1), (4, 0), (6, 3), (3, 2), (2, 5), (5, 5), (4, 3)]
    corners, length, area = fence(trees)
    print("corner posts:", corners)
    print("fence: %.2f m, area %.1f m2" % (length, area))


main()
