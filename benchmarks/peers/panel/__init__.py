"""The programs of the panel, one a module: `train(cell)` returns a trained model. Most run without bakeoff."""
