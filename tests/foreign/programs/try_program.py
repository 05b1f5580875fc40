"""`python try_program.py PROGRAM`: call each public function of a program, and print a JSON object for each."""

import importlib
import json
import sys
import types

program = importlib.import_module(sys.argv[1])
for name, attempt in vars(program).items():
    if isinstance(attempt, types.FunctionType) and attempt.__module__ == program.__name__ and name[0] != "_":
        try:
            attempt()
        except Exception as error:
            print(json.dumps({"tried": name, "error": f"{type(error).__name__}: {error}"[:400]}), flush=True)
        else:
            print(json.dumps({"tried": name, "error": ""}), flush=True)
