"""Rigid motions: SE(3) and SE(2) in NumPy, quaternions in torch.

Naming: ``a_T_b`` takes coordinates in frame *b* to frame *a*; chains read ``a_T_c = a_T_b @ b_T_c``.
Quaternions are (w, x, y, z) everywhere inside the package; (x, y, z, w) exists only in ROS messages.
Camera frames are optical frames (x right, y down, z forward, REP-103); ``base`` is x forward, y left, z up.
"""
