"""LRU page cache with one pinned page."""
from collections import OrderedDict


class PageCache:
    def __init__(self, capacity, pinned=None):
        if capacity < 2:
            raise ValueError("capacity too small")
        self.capacity = capacity
        self.pinned = pinned
        self.pages = OrderedDict()      # oldest use first
        self.hits = 0
        self.evicted = []

    def victim(self):
        for page in self.pages:
            if page != self.pinned:
                return page

    def access(self, page):
        if page in self.pages:
            self.hits += 1
            self.pages.move_to_end(page)
            return True
        if len(self.pages) >= self.capacity:
            old = self.victim()
            del self.pages[old]
            self.evicted.append(old)
        self.pages[page] = True
        return False


def replay(trace, capacity, pinned):
    cache = PageCache(capacity, pinned)
    for page in trace:
        mark = "hit " if cache.access(page) else "miss"
        print(page, mark, list(cache.pages))
    return cache


if __name__ == "__main__":
    c = replay("ABCADBEAAC", 3, "A")
    print("hits:", c.hits, "evicted:", c.evicted)
