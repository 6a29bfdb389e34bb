"""Optional speed-ups, one library a file.

Nobody imports these modules: `linalgx.backend.find_kernel` loads them by name on first use.
"""
