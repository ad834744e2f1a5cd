"""The suite that ``meterbench run`` carries out: ordinary pytest tests, in the order of their file names."""
