"""Toy stack machine, all values are one byte."""
import sys


class Machine:
    def __init__(self):
        self.stack = []
        self.wraps = 0
        self.peak = 0

    def push(self, value):
        if not 0 <= value <= 255:
            self.wraps += 1
        self.stack.append(value % 256)
        self.peak = max(self.peak, len(self.stack))

    def op_dup(self):
        self.push(self.stack[-1])

    def op_drop(self):
        self.stack.pop()

    def op_swap(self):
        self.stack[-1], self.stack[-2] = self.stack[-2], self.stack[-1]

    def binary(self, name):
        b = self.stack.pop()
        a = self.stack.pop()
        self.push({"add": a + b, "sub": a - b, "mul": a * b}[name])

    def step(self, line):
        word, *arg = line.split()
        if word == "push":
            self.push(int(arg[0]))
        elif word in ("add", "sub", "mul"):
            self.binary(word)
        else:
            getattr(self, "op_" + word)()


if __name__ == "__main__":
    vm = Machine()
    for line in open(sys.argv[1]):
        line = line.split("#")[0].strip()   # comments
        if line:
            vm.step(line)
    print(vm.stack, "peak", vm.peak, "wraps", vm.wraps)
