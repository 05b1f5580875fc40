"""`python try_program.py PROGRAM`: call each public function of a program, and print a JSON object for each."""

import importlib
import json
import os
import sys
import types

rows = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what a client prints must not stand in the rows
program = importlib.import_module(sys.argv[1])
for name, attempt in vars(program).items():
    if isinstance(attempt, types.FunctionType) and attempt.__module__ == program.__name__ and name[0] != "_":
        try:
            attempt()
        except Exception as error:
            print(json.dumps({"tried": name, "error": f"{type(error).__name__}: {error}"[:400]}), file=rows, flush=True)
        else:
            print(json.dumps({"tried": name, "error": ""}), file=rows, flush=True)
