"""Project planning: earliest start, order of work, critical chain."""
import json
import sys


class Plan:
    def __init__(self, tasks):
        # tasks: {"name": {"days": 3, "after": ["other", ...]}}
        self.tasks = tasks
        self.end = {}
        self.cause = {}

    def run(self):
        order = []
        open_tasks = sorted(self.tasks)
        while open_tasks:
            for name in open_tasks:
                if all(a in self.end for a in self.tasks[name]["after"]):
                    break
            else:
                raise ValueError("circular: " + ", ".join(open_tasks))
            start, cause = 0, None
            for a in sorted(self.tasks[name]["after"]):
                if self.end[a] > start:
                    start, cause = self.end[a], a
            self.end[name] = start + self.tasks[name]["days"]
            self.cause[name] = cause
            open_tasks.remove(name)
            order.append(name)
        return order

    def critical(self):
        last = min(self.end, key=lambda n: (-self.end[n], n))
        chain = []
        while last is not None:
            chain.append(last)
            last = self.cause[last]
        return chain[::-1]


if __name__ == "__main__":
    plan = Plan(json.load(open(sys.argv[1])))
    print("order:", *plan.run())
    print("critical:", *plan.critical())
    print("done after", max(plan.end.values()), "days")
