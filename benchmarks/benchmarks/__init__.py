"""Classes for airspeed velocity: speed, memory and accuracy over the commits."""
