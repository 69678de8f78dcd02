# quickest way between two villages
import argparse
import csv
import heapq


class RoadMap:
    def __init__(self):
        self.links = {}

    def add(self, a, b, minutes):
        """Roads can be driven both ways."""
        self.links.setdefault(a, []).append((b, minutes))
        self.links.setdefault(b, []).append((a, minutes))

    def quickest(self, start, goal):
        queue = [(0, [start])]
        settled = set()
        while queue:
            spent, path = heapq.heappop(queue)
            here = path[-1]
            if here in settled:
                continue
            settled.add(here)
            if here == goal:
                return spent, path, len(settled)
            for other, minutes in self.links.get(here, []):
                if other not in settled:
                    heapq.heappush(queue, (spent + minutes, path + [other]))
        return -1, [], len(settled)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("roads", help="csv file: from,to,minutes")
    p.add_argument("start")
    p.add_argument("goal")
    args = p.parse_args()
    m = RoadMap()
    with open(args.roads) as fh:
        for a, b, minutes in csv.reader(fh):
            m.add(a.strip(), b.strip(), int(minutes))
    spent, path, seen = m.quickest(args.start, args.goal)
    print("->".join(path) or "no way", spent, "min,", seen, "places looked at")


if __name__ == "__main__":
    main()
