from .compare import Comparison, Likeness


class Causes:
    def __init__(self, workshop, moments, vectors, defects):
        pass

    def reproduce(self, alert):
        return Comparison(Likeness.DIFFERENT, "no cause is known")
