"""The tour: every family at work on real data, against what people use today.

To add a family, write one module here, named like the family, with

* ``TASKS``, a tuple of functions that take a `Place` and return a `Task`: they load the data and
  say how ours and the peer do the same work and how an error is measured;
* ``draw(figure, outcomes)``, the picture of the family; ``outcomes`` has one entry for each task,
  by its name;

and add its name to `FAMILIES`. Data sets come from installed packages, see `data`. A task should
take a few seconds at most, the peer included.
"""

FAMILIES = ("orthogonal", "jacobi", "randomized", "relaxation", "transport")
