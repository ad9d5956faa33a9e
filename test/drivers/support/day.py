"""day.py - the frame of a Python driver program.

A program registers scenarios and a crowd, and calls main(). "PROGRAM day" runs
all scenarios, "PROGRAM crowd" the crowd. Printed are a line "== name" for each
and below it what it saw; nothing that differs from run to run. The database is
found by the PG* variables of libpq.
"""
import sys
import traceback

SCENARIOS = {}


def scenario(name):
    def keep(function):
        SCENARIOS[name] = function
        return function

    return keep


def say(*words):
    print(*words, flush=True)


def attempt(what, function, sqlstate_of):
    """Runs FUNCTION, which a refusal of the server may end, and says how."""
    try:
        result = function()
    except Exception as problem:  # of the driver; sqlstate_of knows its kind
        code = sqlstate_of(problem)
        if code is None:
            raise
        say(what, "refused", code)
        return None
    say(what, "accepted", result)
    return result


def _run(name, function):
    say("==", name)
    try:
        function()
    except Exception as problem:
        # "EXCEPTION" is what the tests look for; the rest is for the reader.
        say("EXCEPTION", type(problem).__name__, str(problem).strip())
        traceback.print_exc()


def main(crowd):
    if sys.argv[1] == "crowd":
        _run("crowd", crowd)
    else:
        for name, function in SCENARIOS.items():
            _run(name, function)
