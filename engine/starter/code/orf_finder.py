"""Look for open reading frames in a DNA string (forward strand only)."""
import argparse

START = "ATG"
STOPS = ("TAA", "TAG", "TGA")


def scan_frame(dna, frame):
    """Yield (start, end) pairs; end is one past the stop codon."""
    begin = None
    for i in range(frame, len(dna) - 2, 3):
        codon = dna[i:i + 3]
        if begin is None:
            if codon == START:
                begin = i
        elif codon in STOPS:
            yield begin, i + 3
            begin = None


def find_orfs(dna, min_codons=2):
    found = []
    for frame in range(3):
        for a, b in scan_frame(dna, frame):
            if (b - a) // 3 - 1 >= min_codons:
                found.append((a, b, frame))
    return sorted(found)


def gc_percent(seq):
    gc = seq.count("G") + seq.count("C")
    return round(100.0 * gc / len(seq), 1)


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("dna")
    ap.add_argument("--min", type=int, default=2)
    args = ap.parse_args()
    for a, b, frame in find_orfs(args.dna.upper(), args.min):
        print(f"frame {frame}  {a}-{b}  gc {gc_percent(args.dna[a:b])}%  {args.dna[a:b]}")
