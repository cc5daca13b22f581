"""A page's generated part is what a command prints: generated_part.py (--check | --update) PAGE COMMAND...

The part lies between the lines '<!-- generated: ... -->' and '<!-- end of the generated part -->' of the page."""

import subprocess
import sys


def main():
    if len(sys.argv) < 4 or sys.argv[1] not in ("--check", "--update"):
        sys.exit(__doc__)
    page, command = sys.argv[2], sys.argv[3:]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.decode()
    with open(page) as f:
        text = f.read()
    head, begin, rest = text.partition("<!-- generated: ")
    first_line, newline, rest = rest.partition("\n")
    _, end, tail = rest.partition("<!-- end of the generated part -->")
    if not end or not printed.strip():
        sys.exit(f"{page}: no generated part, or nothing was printed")
    new = head + begin + first_line + newline + printed + end + tail
    if sys.argv[1] == "--update":
        with open(page, "w") as f:
            f.write(new)
    elif new != text:
        sys.exit(f"{page} is stale: run {sys.argv[0]} --update {' '.join(sys.argv[2:])}")


main()
