"""Runs waferc and checks what must hold of every command, whatever it was given. Standard library only."""

import os
import re
import subprocess

SECONDS = 60
MESSAGE = re.compile(r"^waferc: (error|warning|note)(\[WFC-[EWN][0-9]{4}\])?: .+$")
# C0 and C1 controls and DEL, all but the line break: what a terminal acts on.
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f]")


class Failed(Exception):
    pass


class Bench:
    """Runs commands in the folder of the case files; collects what is wrong."""

    def __init__(self, waferc, folder):
        self.waferc, self.folder = waferc, folder
        self.commands = 0

    def path(self, name):
        return os.path.join(self.folder, name)

    def environment(self):
        return dict(os.environ, LC_ALL="C", ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":exitcode=99",
                    UBSAN_OPTIONS="print_stacktrace=1:exitcode=99")

    def start(self, args, **more):
        more.setdefault("stdout", subprocess.PIPE)
        more.setdefault("stderr", subprocess.PIPE)
        more.setdefault("stdin", subprocess.DEVNULL)
        program = more.pop("program", self.waferc)
        self.commands += 1
        return subprocess.Popen([program, *args], cwd=self.folder, env=self.environment(), **more)

    def finish(self, child, args):
        """Returns (exit status, stdout, stderr) as bytes."""
        try:
            out, err = child.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired as late:
            child.kill()
            child.communicate()
            raise Failed(f"{args}: no end within {SECONDS} s") from late
        return child.returncode, out or b"", err or b""

    def run(self, args, **more):
        return self.finish(self.start(args, **more), args)

    def check(self, args, result, statuses, fragment):
        """What holds for every command; returns the message to show."""
        status, out, err = result
        where = f"{args}: "
        text = err.decode("utf-8", "replace")
        if status not in statuses:
            raise Failed(f"{where}exit {status}, expected {sorted(statuses)}: {text[:3000]}")
        if b"Sanitizer" in err or b"runtime error:" in err:
            raise Failed(f"{where}a sanitizer reports: {text[:3000]}")
        for stream, content in (("output", out), ("messages", err)):
            try:
                found = CONTROL.search(content.decode("utf-8"))
            except UnicodeDecodeError as e:
                raise Failed(f"{where}the {stream} are not UTF-8: {e}") from e
            if found:
                raise Failed(f"{where}a control byte in the {stream}: {found.group()!r}")
        for line in text.splitlines():
            if not line.startswith("    ") and not MESSAGE.match(line):
                raise Failed(f"{where}not the form of a message: {line}")
        if status and "waferc: error[WFC-E" not in text:
            raise Failed(f"{where}no error message: {text}")
        shown = text if status else text + out.decode()
        for part in fragment if isinstance(fragment, (list, tuple)) else [fragment]:
            if part not in shown:
                raise Failed(f"{where}expected to read '{part}', found: {shown[:3000]}")
        return shown

    def expect(self, args, status, fragment="", **more):
        return self.check(args, self.run(args, **more), {status}, fragment)
