"""Programs that stand alone, made from the notebooks' cells that are tagged `snippet`."""
