"""Trains the judges of Lunette. One module a stage; `python -m lunette_train STAGE --help` says what each takes."""
