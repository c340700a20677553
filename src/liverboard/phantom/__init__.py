"""A synthetic liver on CT with its exact truth: for tests, benchmarks and teaching. No patient."""

from liverboard.phantom.make import Phantom, PhantomPlan, make_phantom
from liverboard.phantom.write import write_phantom

__all__ = ["Phantom", "PhantomPlan", "make_phantom", "write_phantom"]
